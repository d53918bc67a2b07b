"""Source images: a baseline that never sees the target task."""

from typing import Any

from basemodel.metrics._card import number

LABEL = "source images"
NAME = "number of source images"
LARGER_IS_BETTER = True
INPUTS = ("card",)
COMPARES_ARCHITECTURES = True


def compute(card: dict[str, Any]) -> dict[str, float]:
    """The number of images that the base model was trained on (card: images).

    card: the base model's card. It does not depend on images, so neither N < D nor their classes
    matter. Raises ValueError if the card lacks the number.

    Compares architectures: the source tasks are the same for all.
    """
    return {"value": number(LABEL, card, "images", "train the base model again")}
