"""Source accuracy: a baseline that never sees the target task."""

from typing import Any

from basemodel.metrics._card import number

LABEL = "source accuracy"
NAME = "accuracy on the source task"
LARGER_IS_BETTER = True
INPUTS = ("card",)
COMPARES_ARCHITECTURES = True


def compute(card: dict[str, Any]) -> dict[str, float]:
    """The accuracy on held-out images of the source task, a fraction 0 to 1 (card: test_accuracy).

    card: the base model's card. It does not depend on images, so neither N < D nor their classes
    matter. Raises ValueError if the card lacks the number.

    Compares architectures: it is an accuracy, though of tasks with different numbers of classes.
    """
    return {"value": number(LABEL, card, "test_accuracy", "train the base model again")}
