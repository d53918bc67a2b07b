"""The metrics, one module each, named after the metric.

A metric module `NAME.py` has

* LABEL: short, for figures; NAME: in words;
* LARGER_IS_BETTER: whether a larger value promises a higher accuracy;
* INPUTS: what it is computed from, any of INPUTS below, in the order of compute's arguments;
* compute(...) -> dict[str, float], whose first key is "value". Where a value is undefined, such as
  that of a single class, it is NaN. It may raise NotApplicable for too many images.

It may also have

* COMPARES_ARCHITECTURES: True if values of networks with other sizes or scales of featuremaps and
  embeddings can be compared, which tests/test_across_architectures.py decides and compute's
  docstring explains. Without it, False;
* STATIC: True for a baseline that knows nothing, or next to nothing, of the target. Without it,
  whether the card is all that it is computed from;
* over_pool(terms) -> float64 [models]: the values of a metric that depend on the models compared,
  such as sums of terms that are scaled by their extremes over these models. compute then returns
  the terms alone, without "value"; over_pool is given each of them as float64 [models]. A model
  with NaN among its terms has the value NaN and must not affect the others.

To add a metric, add a file here: the setting `other_metrics: all` takes it. Files whose names begin
with an underscore are not metrics, but code that several of them share.
"""

import ast
import importlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

# A base model's outputs for the probe images, the images' classes, and what else is known of it:
INPUTS = (
    "featuremaps",  # float32 or float16 [n, C, H, W], often a memory map
    "embeddings",  # float32 [n, D], what the last layer takes
    "probabilities",  # float32 [n, source classes], what it predicts on the source task
    "labels",  # int64 [n]
    "card",  # dict: the base model's card, models/<architecture>/<source task>.json
)
FOLDER = Path(__file__).parent
PAPER, LATER, STATIC = "the paper's metrics", "later metrics", "static baselines"  # families


class NotApplicable(ValueError):
    """Raised by a metric that would take too long, or too much memory, on so many images."""


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


def compute(name: str, given: Mapping[str, Any]) -> dict[str, float]:
    """Compute a metric from inputs named as in INPUTS; those that it does not need are ignored.

    What a metric with `over_pool` returns lacks "value", which `values_in_pool` adds.
    """
    metric = load(name)
    return metric.compute(*(given[what] for what in metric.INPUTS))


def values_in_pool(name: str, models: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """What `compute` returned for each of the models compared, with "value" first in each.

    The models are the pool that `over_pool` is relative to; a metric without it is left as it is.
    """
    if not depends_on_pool(name) or not models:
        return list(models)
    terms = {term: np.array([model[term] for model in models], float) for term in models[0]}
    # A model without all of its terms is not part of the pool
    whole = ~np.isnan(list(terms.values())).any(axis=0)
    values = np.full(len(models), np.nan)
    if whole.any():
        values[whole] = load(name).over_pool({term: array[whole] for term, array in terms.items()})
    return [{"value": float(v), **model} for v, model in zip(values, models, strict=True)]


def depends_on_pool(name: str) -> bool:
    """Whether a model's value depends on the models that it is compared with."""
    return hasattr(load(name), "over_pool")


def sign(name: str) -> int:
    """What turns the metric so that larger is better: 1 or -1."""
    return 1 if load(name).LARGER_IS_BETTER else -1


def compares_architectures(name: str) -> bool:
    """Whether values of the metric can be compared between architectures."""
    return getattr(load(name), "COMPARES_ARCHITECTURES", False)


def family(name: str, paper: Collection[str]) -> str:
    """PAPER, LATER or STATIC; `paper`: the metrics of Figures 1 to 5."""
    if name in paper:
        return PAPER
    metric = load(name)
    return STATIC if getattr(metric, "STATIC", metric.INPUTS == ("card",)) else LATER


def _known(name: str) -> None:
    # One look at one file: `compute` comes here for every model
    public = name.isidentifier() and not name.startswith("_")
    if not (public and (FOLDER / f"{name}.py").is_file()):
        raise ValueError(f"no metric is called {name!r}; there are {', '.join(available())}")


def module_names(metrics: Iterable[str]) -> list[str]:
    """The modules that `load` imports for these metrics, as dotted names."""
    return [f"{__name__}.{name}" for name in metrics]
