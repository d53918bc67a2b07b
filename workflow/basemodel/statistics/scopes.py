"""Names of what base models are ranked with: those of one architecture, or all of a target."""

from collections.abc import Sequence
from itertools import product

SCOPES = ONE, SEVERAL = "one architecture", "all architectures"
ALL = "all"  # in place of an architecture where there are several


def cell_names(architectures: Sequence[str], targets: Sequence[str]) -> list[tuple[str, str]]:
    """The (architecture, target) cells, in the order of every array over cells."""
    return list(product(architectures, targets))
