"""The metrics: one module each, found by its file name.

A metric module has LABEL (short, for figures), NAME (in words), LARGER_IS_BETTER, NEEDS_LABELS
and compute(featuremaps, labels) -> dict[str, float], whose first key is "value".
featuremaps: float32 or float16 [n, C, H, W], often a memory map; labels: int64 [n].
To add a metric, add a file here and name it in the configuration.
"""

import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


def available() -> list[str]:
    """Names of all metrics, sorted: S1 … S6 from s1.py … s6.py, others as their files are named.

    Looks at the files only: nothing is imported.
    """
    stems = (path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return sorted(stem.upper() if re.fullmatch(r"s\d+", stem) else stem for stem in stems)


def load(name: str) -> ModuleType:
    """Import the module of one metric. Raises ValueError if there is no such metric."""
    if name not in available():
        raise ValueError(f"no metric is called {name!r}; there are {', '.join(available())}")
    return importlib.import_module(*module_names([name]))


def module_names(metrics: Iterable[str]) -> list[str]:
    """The modules that `load` imports for these metrics, as dotted names."""
    return [f"{__name__}.{name.lower()}" for name in metrics]
