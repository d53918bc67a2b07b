"""Pairs of metrics, and Figure 2, of an experiment on models that are not trained here."""

import numpy as np
import pandas as pd

from basemodel.metrics import sign
from basemodel.report.figures import figure2
from basemodel.statistics import held_out
from basemodel.statistics.bootstrap import resample
from basemodel.statistics.outside import compare
from basemodel.statistics.outside_table import read
from basemodel.statistics.pairs import scale, search
from basemodel.statistics.scopes import ALL
from basemodel.zoo.pairs import compared
from basemodel.zoo.words import of_pairs

PAPER = ["S1", "S4", "S5"]


def paired(found, targets):
    """The search of scripts/zoo_pairs.py, with its note."""
    values, accuracy, whole = compared(found, targets, PAPER)
    accuracy, scaled, alphas = accuracy[:, whole], scale(values[..., whole]), np.array([0, 1])
    cells = [(ALL, target) for target in targets]
    pairs, curves = search(scaled, accuracy, alphas, PAPER, cells)
    counts = resample(np.zeros(whole.sum()), 20, 0)
    _, optimism = held_out.evaluate(scaled, accuracy, alphas, curves, PAPER, cells, counts)
    return of_pairs(pairs.assign(n=whole.sum()), optimism)


def wide(targets="xy", models="abcde"):
    """A table of scores where no model has S5, as where no network has zeros."""
    rng = np.random.default_rng(0)
    keys = [(target, model) for target in targets for model in models]
    rows = [(*key, *rng.uniform(0.1, 0.9, 3), "") for key in keys]
    return pd.DataFrame(rows, columns=["target", "model", "accuracy", "S1", "S4", "S5"])


def test_pairs_where_a_metric_or_a_target_has_nothing():
    """What is missing everywhere is no reason to lose all others, at the end of a long run."""
    found = read(wide())
    values, accuracy, whole = compared(found, ["x", "failed", "y"], PAPER)
    assert whole.all() and np.isnan(accuracy[1]).all() and np.isnan(values[2]).all()
    np.testing.assert_array_equal(values[1][[0, 2]], sign("S4") * found.metrics["S4"])
    text = paired(found, ["x", "failed", "y"])
    assert "S1 + S4 at alpha" in text and "of the 5 models" in text and "nan" not in text

    gap = wide()
    gap.loc[0, "S1"] = np.nan
    assert "of the 4 models that have all" in paired(read(gap), ["x", "y"])
    assert "on one target only, none is left" in paired(read(wide("x")), ["x"])
    assert "No pair" in paired(read(wide().drop(columns="S4")), ["x", "y"])


def test_figure_2_of_what_is_there():
    """One fine-tuning of each model gives no ceiling; a target or a metric may have no ρ."""
    tables, _ = compare(wide(), True, resamples=20)
    titles = [(name, name) for name in ("x", "failed", "y")]
    [panel] = figure2.draw(tables["rho"], None, titles, PAPER, tables["ceiling"]).axes
    crosses = [line for line in panel.lines if line.get_marker() == "x"]
    assert [len(line.get_xdata()) for line in crosses] == [1, 1, 3]
