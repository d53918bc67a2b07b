"""Whatever the metrics are computed from, in `metrics` and in `other_metrics`, it runs to the end.

Only base models have a card and source probabilities; epochs have no card, cuts have neither.
"""

import json
import subprocess
import sys
from itertools import product

import pytest

from basemodel import metrics
from basemodel.tables import read_csv
from planned import by_stage, planned
from projects import ROOT
from smallest import figures, run, smallest

# One of each kind; the last depends on the models that are compared
KINDS = {"S1": "featuremaps", "GBC": "embeddings", "LEEP": "probabilities",
         "source_accuracy": "card", "NCTI": "embeddings"}  # fmt: skip
LISTS = [
    *product([[name] for name in KINDS], [[], ["LEEP", "source_accuracy"]], [["alexnet"]]),
    (["S1", "LEEP"], ["GBC"], ["alexnet"]),
    (["S1", "source_accuracy"], [], ["alexnet"]),
    (["LEEP", "source_accuracy"], "all", ["alexnet"]),
    (["source_accuracy", "feature_norm"], "all", []),
    (["LEEP"], [], []),
]


def test_the_kinds_are_all_kinds():
    assert set(KINDS.values()) | {"labels"} == set(metrics.INPUTS)
    assert all(kind in metrics.inputs(name) for name, kind in KINDS.items())
    assert [name for name in KINDS if metrics.depends_on_pool(name)] == ["NCTI"]


def experiment(names, others, cuts):
    return smallest(
        {}, metrics=names, other_metrics=others, truncation={"architectures": cuts}
    )  # fmt: skip


def test_every_list_makes_a_whole_experiment(fresh):
    """As many jobs as `snakemake plan` counts."""
    configs = [experiment(*lists) for lists in LISTS]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/dag_of.py")],
        cwd=fresh.folder, env=fresh.environment(), input=json.dumps(configs),
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    for lists, config, jobs in zip(
        LISTS, configs, json.loads(done.stdout.splitlines()[-1]), strict=True
    ):
        assert isinstance(jobs, dict), (lists, jobs)
        assert by_stage(jobs) == planned(config), lists


COMMON = ["figure1", "figure2", "figure4-alexnet"]


@pytest.mark.parametrize(
    ("names", "others", "drawn"),
    [
        (["LEEP", "NCE"], [], ["figure3", "figure6", "figure7"]),
        (["S1", "source_accuracy"], ["LEEP", "source_accuracy"],
            ["figure3", "figure5", "figure6", "figure7"]),
        (["source_accuracy"], ["NCTI", "GBC"], ["figure6", "figure7"]),
    ],
)  # fmt: skip
def test_it_runs_to_the_last_figure(fresh, names, others, drawn):
    run(fresh, experiment(names, others, ["alexnet"]))
    results = fresh.folder / "results"
    assert figures(results) == sorted(COMMON + drawn)
    tables = results / "tables"
    everything = list(dict.fromkeys([*names, *others]))
    assert list(read_csv(tables / "mean_rho.csv")["metric"]) == everything
    of_cuts = [name for name in everything if KINDS.get(name) in ("featuremaps", "embeddings")]
    choosers = ["best", "earliest within one point", "full network"]
    chosen = list(read_csv(tables / "cut_choices.csv")["chooser"])
    assert chosen == choosers + [name for name in of_cuts if name in names]
    others_of_cuts = [name for name in of_cuts if name not in names]
    assert (tables / "other_cut_choices.csv").exists() == bool(others_of_cuts)
    of_epochs = set(read_csv(tables / "epoch_metrics.csv")["metric"])
    assert of_epochs == {name for name in everything if name != "source_accuracy"} | {
        "feature_norm"
    }
