"""Why a model cannot be used, and what was perhaps meant."""

import difflib
from collections.abc import Iterable


class Unusable(Exception):
    """One model cannot be used; others can. Both texts are one line for the user."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(reason, remedy)  # both, or it cannot be pickled
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The remedy if there is no such name: those that may have been meant."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {', '.join(near)}?" if near else "`snakemake rank_candidates` lists them"


def told(error: Exception) -> str:
    """An error that nobody expected, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
