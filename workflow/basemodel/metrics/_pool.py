"""Terms that only mean something relative to the other models in the pool."""

import numpy as np


def scaled(values: np.ndarray) -> np.ndarray:
    """Values [models], none of them NaN, scaled linearly to 0 … 1; a constant becomes 0."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low if high > low else 1)
