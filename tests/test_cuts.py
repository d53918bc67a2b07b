"""Where to cut: choices and correlations by hand, and errors that say what is wrong in a table."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import jobs
from basemodel.files import write_json
from basemodel.statistics import cuts
from basemodel.statistics.series import collect
from basemodel.tables import read_csv, read_tables, write_csv

ACCURACY = [0.50, 0.915, 0.925, 0.92, 0.80]
VALUES = {
    "S1": [1, 2, 3, 4, 5],  # larger is better: layer 4
    "S5": [0.9, 0.2, 0.3, 0.2, 0.8],  # smaller is better, a tie: layer 1 before 3
    "S3": [1, np.nan, np.inf, 5, np.inf],  # infinity is a value, NaN is none: layer 2
}
SPENT = {"parameters": [10, 20, 40, 80, 100], "multiply_adds": [5, 25, 30, 45, 50]}


def accuracies(values=ACCURACY, architecture="resnet18", target="greek") -> pd.DataFrame:
    cell = {"architecture": architecture, "target": target}
    return pd.DataFrame({**cell, "layer": range(len(values)), "accuracy": values})


def metrics(values=VALUES, architecture="resnet18", target="greek") -> pd.DataFrame:
    cell = {"architecture": architecture, "target": target}
    return pd.concat(
        pd.DataFrame({**cell, "layer": range(len(column)), "metric": metric, "value": column})
        for metric, column in values.items()
    )


def costs(spent=SPENT, architecture="resnet18", target="greek") -> pd.DataFrame:
    cell = {"architecture": architecture, "target": target}
    return pd.DataFrame({**cell, "layer": range(len(spent["parameters"])), **spent})


# Choices ------------------------------------------------------------------------------------


def test_choices_by_hand():
    table = cuts.choices(accuracies(), metrics(), costs())
    assert list(table) == [
        *("architecture", "target", "chooser", "layer", "accuracy", "points_lost"),
        *("parameters_saved", "multiply_adds_saved"),
    ]
    assert table[["architecture", "target"]].drop_duplicates().values.tolist() == [
        ["resnet18", "greek"]
    ]
    found = [list(row) for row in table.iloc[:, 2:].itertuples(index=False)]
    expected = [
        ["best", 2, 0.925, 0.0, 0.6, 0.4],
        ["earliest within one point", 1, 0.915, 1.0, 0.8, 0.5],  # exactly one point is within
        ["full network", 4, 0.80, 12.5, 0.0, 0.0],
        ["S1", 4, 0.80, 12.5, 0.0, 0.0],
        ["S5", 1, 0.915, 1.0, 0.8, 0.5],
        ["S3", 2, 0.925, 0.0, 0.6, 0.4],
    ]
    for row, by_hand in zip(found, expected, strict=True):
        assert row[:2] == by_hand[:2]
        assert row[2:] == pytest.approx(by_hand[2:], abs=1e-12)


def test_one_point_is_meant_exactly():
    # 0.93 − 0.92 is 0.010000000000000009 in float64
    assert 0.93 - 0.92 > 0.01
    assert cuts.within(np.array([0.92, 0.9199999, 0.93])).tolist() == [True, False, True]
    assert cuts.earliest(np.array([0.1, 0.92, 0.93])) == 1


def test_the_earliest_of_equals():
    assert cuts.best(np.array([0.2, 0.9, 0.9])) == 1
    assert cuts.earliest(np.array([0.9, 0.9])) == 0
    assert cuts.picked("S2", np.array([3.0, 1.0, 1.0])) == 1
    assert cuts.picked("feature_norm", np.array([3.0, 3.0, 1.0])) == 0


def test_an_undefined_metric_picks_nothing(tmp_path):
    undefined = {"S1": VALUES["S1"], "S3": [np.nan] * 5}
    table = cuts.choices(accuracies(), metrics(undefined), costs())
    write_csv(tmp_path / "choices.csv", table)
    lines = (tmp_path / "choices.csv").read_text().splitlines()
    assert lines[-1] == "resnet18,greek,S3,,,,,"
    assert lines[-2].startswith("resnet18,greek,S1,4,0.8,")  # layers stay whole numbers
    rho = cuts.rho_over_layers(accuracies(), metrics(undefined)).set_index("metric")["rho"]
    assert np.isnan(rho["S3"]) and not np.isnan(rho["S1"])


def test_cells_do_not_mix_and_rows_may_come_in_any_order():
    cells = [("resnet18", "greek"), ("resnet18", "digits"), ("alexnet", "greek")]
    rng = np.random.default_rng(0)
    values = {
        cell: (rng.uniform(size=n), rng.normal(size=n), rng.integers(1, 99, (2, n)).cumsum(axis=1))
        for cell, n in zip(cells, (6, 6, 3), strict=True)
    }
    tables = [
        pd.concat(accuracies(a, *cell) for cell, (a, _, _) in values.items()),
        pd.concat(metrics({"S2": m}, *cell) for cell, (_, m, _) in values.items()),
        pd.concat(
            costs(dict(zip(SPENT, c, strict=True)), *cell) for cell, (_, _, c) in values.items()
        ),
    ]
    table = cuts.choices(*tables)
    assert list(dict.fromkeys(zip(table["architecture"], table["target"], strict=True))) == cells
    for cell, (accuracy, metric, _) in values.items():
        rows = table[(table["architecture"] == cell[0]) & (table["target"] == cell[1])]
        rows = rows.set_index("chooser")
        assert rows["layer"].to_dict() == {
            "best": accuracy.argmax(),
            "earliest within one point": np.flatnonzero(accuracy >= accuracy.max() - 0.01)[0],
            "full network": len(accuracy) - 1,
            "S2": metric.argmin(),
        }
    shuffled = [t.sample(frac=1, random_state=1) for t in tables]
    keys = ["architecture", "target", "chooser"]
    again = cuts.choices(*shuffled).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(again, table.sort_values(keys, ignore_index=True))


# Spearman's ρ over the layers ---------------------------------------------------------------


def test_rho_by_hand():
    # ranks of the accuracies 1 3 5 4 2; S1: 1 2 3 4 5, Σd² = 0+1+4+0+9; ρ = 1 − 6·14/120
    table = cuts.rho_over_layers(accuracies(), metrics())
    assert list(table) == ["architecture", "target", "metric", "rho", "n"]
    assert table["metric"].tolist() == ["S1", "S5", "S3"] and set(table["n"]) == {5}
    rho = table.set_index("metric")["rho"]
    assert rho["S1"] == pytest.approx(1 - 6 * 14 / 120)
    # S5 is negated: smaller is better
    assert rho["S5"] == pytest.approx(-stats.spearmanr(VALUES["S5"], ACCURACY).statistic)
    assert np.isnan(rho["S3"])  # undefined at one layer


def test_rho_of_a_constant_metric_is_undefined():
    table = cuts.rho_over_layers(accuracies(), metrics({"S6": [0.5] * 5}))
    assert table["rho"].isna().all()


# What may be wrong --------------------------------------------------------------------------


def without(table: pd.DataFrame, layer: int) -> pd.DataFrame:
    return table[table["layer"] != layer]


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ((without(accuracies(), 2), metrics(), costs()), "accuracies: no row .*greek, layer 2"),
        ((accuracies(), without(metrics(), 0), costs()), "metric S1: no row .*greek, layer 0"),
        ((accuracies(), without(metrics(), 4), costs()), "metric S1: .* has 4 layers, .* 5"),
        ((accuracies(), metrics(), without(costs(), 4)), "costs: .* has 4 layers, .* 5"),
        (
            (pd.concat([accuracies(), accuracies()]), metrics(), costs()),
            "accuracies: two rows for resnet18, greek, layer 0",
        ),
        ((accuracies(), metrics(), costs(target="digits")), "costs: no row for resnet18, greek"),
        ((accuracies([0.1, 92.5]), metrics(), costs()), "layer 1 has 92.5, not a fraction"),
        ((accuracies([0.1, np.nan]), metrics(), costs()), "layer 1 has nan, not a fraction"),
        ((accuracies(), metrics({"S9": ACCURACY}), costs()), "no metric is called 'S9'"),
    ],
)
def test_faults_in_the_tables_are_named(tables, message):
    with pytest.raises(ValueError, match=message):
        cuts.choices(*tables)


# Tables of metrics, and the script ----------------------------------------------------------


def test_collect_makes_one_table_of_many(tmp_path):
    tables = [
        pd.DataFrame({"epoch": [1, 2], "value": [0.5, 0.25]}),
        pd.DataFrame({"epoch": [1, 2], "value": [7, 8.5], "mean": [0, 0]}),
    ]
    paths = [tmp_path / "S5.csv", tmp_path / "S4.csv"]
    for path, table in zip(paths, tables, strict=True):
        write_csv(path, table)
    given = read_tables([["S5", "vgg16"], ["S4", "vgg16"]], paths)
    table = collect(given, ["architecture"], "epoch")
    assert list(table) == ["architecture", "epoch", "metric", "value"]
    assert table.values.tolist() == [
        ["vgg16", 1, "S5", 0.5],
        ["vgg16", 2, "S5", 0.25],
        ["vgg16", 1, "S4", 7],
        ["vgg16", 2, "S4", 8.5],
    ]
    with pytest.raises(ValueError, match="1 cells need as many tables, not 2"):
        read_tables([["S5", "vgg16"]], paths)
    empty = collect({}, ["architecture"], "epoch")
    assert list(empty) == list(table) and empty.empty


def test_script(tmp_path):
    cells = [["S1", "resnet18", "greek"], ["S5", "resnet18", "greek"]]
    for metric, *_ in cells:
        table = pd.DataFrame({"layer": range(5), "value": VALUES[metric]})
        write_csv(tmp_path / f"{metric}.csv", table)
    fine_tunings = []
    for row in accuracies().to_dict("records"):
        fine_tunings.append(tmp_path / f"{row['layer']}.json")
        write_json(fine_tunings[-1], {**row, "train_accuracy": 1.0, "history": []})
    write_csv(tmp_path / "costs.csv", costs())
    names = ["accuracies", "metrics", "choices", "correlation"]
    outputs = {name: tmp_path / "out" / f"{name}.csv" for name in names}
    jobs.run(
        "cuts.py",
        input={
            "fine_tunings": fine_tunings,
            "metrics": [tmp_path / "S1.csv", tmp_path / "S5.csv"],
            "costs": tmp_path / "costs.csv",
        },
        output=outputs,
        params={"cells": cells},
    )
    two = {metric: VALUES[metric] for metric in ("S1", "S5")}
    pd.testing.assert_frame_equal(read_csv(outputs["accuracies"]), accuracies())
    assert read_csv(outputs["metrics"]).shape == (10, 5)
    found = read_csv(outputs["choices"])
    expected = cuts.choices(accuracies(), metrics(two), costs())
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    rho = cuts.rho_over_layers(accuracies(), metrics(two))
    pd.testing.assert_frame_equal(read_csv(outputs["correlation"]), rho)
