"""What pairs of metrics are compared on: one set of models, on all targets."""

from collections.abc import Sequence

import numpy as np

from basemodel.metrics import sign
from basemodel.statistics.bootstrap import MIN_MODELS
from basemodel.statistics.outside_table import Outside


def compared(
    found: Outside, targets: Sequence[str], metrics: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The metrics so that larger is better, float64 [metrics, targets, models]; the accuracies,
    [targets, models]; and which models are compared, bool [models].

    found: the table; targets, metrics: what the experiment names, of which the table lacks targets
    where no model could be used, and metrics that no model has: these are NaN. Compared are the
    models that have all the others everywhere, or if they are under MIN_MODELS, all models: every
    ρ that lacks something is undefined.
    """
    places = [targets.index(target) for target in found.targets]

    def everywhere(of_targets: np.ndarray | None) -> np.ndarray:
        full = np.full((len(targets), len(found.models)), np.nan)
        if of_targets is not None:
            full[places] = of_targets
        return full

    values = np.stack([sign(metric) * everywhere(found.metrics.get(metric)) for metric in metrics])
    some = ~np.isnan(values).all(axis=(1, 2))
    whole = np.isfinite(found.accuracy).all(axis=0)
    whole &= ~np.isnan(values[some][:, places]).any(axis=(0, 1))
    if whole.sum() < MIN_MODELS:
        whole[:] = True
    return values, everywhere(found.accuracy), whole
