"""The metrics, one module each, named after the metric.

A metric module `NAME.py` has

* LABEL: short, for figures; NAME: in words;
* LARGER_IS_BETTER: whether a larger value promises a higher accuracy;
* INPUTS: what it is computed from, any of INPUTS below, in the order of compute's arguments;
* compute(...) -> dict[str, float], whose first key is "value".

To add a metric, add a file here and name it in the configuration. Files whose names begin with an
underscore are not metrics, but code that several of them share.
"""

import ast
import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

# A base model's outputs for the probe images, and the images' classes:
INPUTS = (
    "featuremaps",  # float32 or float16 [n, C, H, W], often a memory map
    "embeddings",  # float32 [n, D], what the last layer takes
    "probabilities",  # float32 [n, source classes], what it predicts on the source task
    "labels",  # int64 [n]
)
FOLDER = Path(__file__).parent


def available() -> list[str]:
    """The names of all metrics, sorted. Looks at the files only: nothing is imported."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def load(name: str) -> ModuleType:
    """Import the module of one metric. Raises ValueError if there is no such metric."""
    _known(name)
    return importlib.import_module(f"{__name__}.{name}")


def inputs(name: str) -> tuple[str, ...]:
    """A metric's INPUTS, read from its file, because importing it may take seconds.

    Raises ValueError if there is no such metric or its INPUTS are not valid.
    """
    _known(name)
    file = FOLDER / f"{name}.py"
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "INPUTS":
            wanted = ast.literal_eval(node.value)
            if isinstance(wanted, tuple) and wanted and set(wanted) <= set(INPUTS):
                return wanted
    raise ValueError(f"{file}: INPUTS must be a tuple of some of {', '.join(INPUTS)}")


def compute(name: str, given: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Compute a metric from arrays named as in INPUTS; those that it does not need are ignored."""
    metric = load(name)
    return metric.compute(*(given[what] for what in metric.INPUTS))


def _known(name: str) -> None:
    if name not in available():
        raise ValueError(f"no metric is called {name!r}; there are {', '.join(available())}")


def module_names(metrics: Iterable[str]) -> list[str]:
    """The modules that `load` imports for these metrics, as dotted names."""
    return [f"{__name__}.{name}" for name in metrics]
