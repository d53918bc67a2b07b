"""Read a number from a base model's card."""

from typing import Any


def number(metric: str, card: dict[str, Any], key: str, remedy: str) -> float:
    """card[key]. Raises ValueError, naming `metric` and saying what to do, if it is not there."""
    if key not in card:
        raise ValueError(f"{metric}: the base model's card has no {key!r}: {remedy}")
    return float(card[key])
