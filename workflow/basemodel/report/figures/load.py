"""The module of a figure by its name, so that a job depends on the code of its own figure only."""

import importlib
from types import ModuleType


def module(name: str) -> ModuleType:
    """Import basemodel.report.figures.NAME. Raises ModuleNotFoundError if there is none."""
    return importlib.import_module(f"{__package__}.{name}")
