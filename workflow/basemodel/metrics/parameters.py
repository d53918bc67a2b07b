"""Parameters: a baseline that never sees the target task."""

from typing import Any

from basemodel.metrics._card import number

LABEL = "parameters"
NAME = "number of transferred parameters"
LARGER_IS_BETTER = True
INPUTS = ("card",)
COMPARES_ARCHITECTURES = True


def compute(card: dict[str, Any]) -> dict[str, float]:
    """The number of parameters without those of the last layer (card: parameters).

    The last layer is left out because it is not transferred. The number is the same for all base
    models of one architecture: it only ranks models of several architectures.

    card: the base model's card. It does not depend on images, so neither N < D nor their classes
    matter. Raises ValueError if the card lacks the number.

    Compares architectures: that is all that it does.
    """
    return {"value": number(LABEL, card, "parameters", "train the base model again")}
