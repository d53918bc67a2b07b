"""A table of scores and accuracies from elsewhere: how it is read, and what is said of it."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from basemodel.report.compare_page import page
from basemodel.report.compare_words import summary
from basemodel.report.figures import figure6, figure7
from basemodel.statistics.outside import compare, rho_of
from basemodel.statistics.outside_table import TableError, read
from projects import ROOT
from test_rank_page import Parsed

TABLES = ROOT / "benchmarks" / "tables"
# Made from scores that were rounded to three decimals, but for NLEEP's (docs/benchmarks.md)
NOT_RECOMPUTED = {("LEEP", "Aircraft"), ("NLEEP", "Aircraft"), ("LogME", "Aircraft")}


def made(models=8, targets=3, seed=0):
    """A long table; A is good, B less so."""
    rng = np.random.default_rng(seed)
    rows = []
    for t in range(targets):
        worth = rng.normal(size=models)
        for metric, noise in (("A", 0.5), ("B", 1.5)):
            for m in range(models):
                score = worth[m] + noise * rng.normal()
                rows.append((f"t{t}", f"m{m}", round(0.7 + 0.05 * worth[m], 4), metric, score))
    return pd.DataFrame(rows, columns=["target", "model", "accuracy", "metric", "score"])


def wide(table):
    keys = ["target", "model", "accuracy"]
    return table.pivot(index=keys, columns="metric", values="score").reset_index()


# Published numbers --------------------------------------------------------------------------


def recomputed(name, column):
    tables, _ = compare(TABLES / f"{name}.csv", True, resamples=10)
    published = pd.read_csv(TABLES / f"{name}_published.csv")
    both = published.merge(tables["regret"], on=["metric", "target"], suffixes=("_published", ""))
    assert len(both) == len(published)
    off = (both[column] - both["tau_w_published"]).abs() >= 0.0006
    return len(both), set(both.loc[off, ["metric", "target"]].itertuples(index=False, name=None))


def test_model_spiders_tau_w_is_by_accuracy():
    assert recomputed("zoo10", "tau_w_accuracy") == (72, NOT_RECOMPUTED)
    number, off = recomputed("zoo10", "tau_w_symmetric")
    assert number - len(off) == 2


def test_transfer_learning_librarys_tau_w_is_symmetric():
    number, off = recomputed("tll", "tau_w_symmetric")
    assert (number, len(off)) == (32, 12)
    assert {target for _, target in off} == {"Aircraft", "Caltech101", "CIFAR100", "DTD", "Pet"}


def test_the_two_conventions_differ():
    tables, _ = compare(TABLES / "zoo10.csv", True, resamples=10)
    difference = tables["regret"]["tau_w_accuracy"] - tables["regret"]["tau_w_symmetric"]
    assert difference.abs().max() == pytest.approx(0.291, abs=0.001)


# What is computed ---------------------------------------------------------------------------


def test_rho_is_scipys_on_the_models_that_have_both():
    table = made()
    table.loc[[0, 9], "score"] = np.nan
    tables, _ = compare(table, {"A": True, "B": False}, resamples=10)
    for row in tables["rho"].itertuples():
        part = table[(table["target"] == row.target) & (table["metric"] == row.metric)].dropna()
        sign = 1 if row.metric == "A" else -1
        expected = stats.spearmanr(sign * part["score"], part["accuracy"]).statistic
        assert row.rho == pytest.approx(expected) and row.n == len(part)


def test_long_and_wide_and_files_are_the_same(tmp_path):
    table = made()
    file = tmp_path / "wide.csv"
    wide(table).to_csv(file, index=False)
    results = [compare(given, True, resamples=20)[0] for given in (table, wide(table), file)]
    for other in results[1:]:
        for name, expected in results[0].items():
            pd.testing.assert_frame_equal(other[name], expected)


def test_variants_of_a_family_are_resampled_together():
    table = made()
    copies = pd.concat([table, table.assign(model=table["model"] + "-copy")])
    original = compare(table, True)[0]["mean_rho"]
    together = compare(copies.assign(family=copies["model"].str[:2]), True)[0]["mean_rho"]
    apart = compare(copies, True)[0]["mean_rho"]
    pd.testing.assert_frame_equal(together, original, atol=1e-12, rtol=0)
    assert apart["high"][0] - apart["low"][0] < original["high"][0] - original["low"][0]


def test_differences_are_on_the_models_that_have_both_scores():
    table = made()
    table.loc[table["metric"].eq("B") & table["model"].isin(["m0", "m1"]), "score"] = np.nan
    tables, notes = compare(table, True, resamples=20)
    both = table[~table["model"].isin(["m0", "m1"])]
    expected = compare(both, True, resamples=20)[0]["differences"]["difference"]
    np.testing.assert_allclose(tables["differences"]["difference"], expected)
    assert "Scores missing, of 24 each: B 6." in " ".join(notes)


def test_intervals_for_all_pairs_are_wider():
    table = pd.concat([made(), made(seed=1).replace({"A": "C", "B": "D"}).assign(accuracy=None)])
    row = compare(table, True)[0]["differences"]
    assert len(row) == 6
    assert ((row["low_all"] < row["low"]) & (row["high_all"] > row["high"])).all()


def test_an_unknown_direction_is_shown_both_ways():
    tables, notes = compare(made(), {"A": True}, resamples=20)
    rho = tables["mean_rho"].set_index("metric")["mean_rho"]
    assert list(rho.index) == ["A", "B (larger is better)", "B (smaller is better)"]
    assert rho["B (larger is better)"] == -rho["B (smaller is better)"]
    assert len(tables["differences"]) == 2  # the two ways of B are no pair
    assert any(note.startswith("Nothing says whether larger is better for B") for note in notes)


def test_fine_tunings_with_other_seeds_are_averaged_and_give_a_ceiling():
    rng = np.random.default_rng(0)
    table = made(targets=2)
    runs = [
        table.assign(seed=s, accuracy=table["accuracy"] + 0.02 * (table["model"].map(noise)))
        for s, noise in (
            (s, dict(zip(table["model"].unique(), rng.normal(size=8), strict=True)))
            for s in range(3)
        )
    ]
    tables, notes = compare(pd.concat(runs), True, resamples=100)
    mean = sum(run["accuracy"].to_numpy() for run in runs)[:8] / 3
    np.testing.assert_allclose(tables["scores"]["accuracy"][:8], mean)
    assert (tables["ceiling"]["seeds"] == 3).all()
    assert tables["ceiling"]["ceiling"].between(0.5, 1).all()
    assert "Accuracies are means over up to 3 fine-tunings of a model." in notes


def test_rho_of_no_model_is_undefined():
    nothing = np.zeros((1, 3), bool)
    assert np.isnan(rho_of(np.ones((1, 3)), np.ones((1, 3)), nothing, np.ones((4, 3)))).all()


# How a table is read ------------------------------------------------------------------------

MESSY = """ Target ,MODEL, Accuracy (%) ,LogME ,kNN,FU score, Notes,
Beetles,resnet18, 71.2 ,0.51,66.1,3.1,old,
Beetles,resnet50,78.9,0.66,70.2,2.9,,
Beetles,vit,80.1,0.71,n/a,2.2,,
Beetles,convnext,85.5,,81.4,2.6,,

Moths,resnet18,91.2,0.9,88,1,,
Moths,resnet50,,0.95,90,1,,
Moths,vit,93.0,0.97,91,1,,
Moths,convnext,95,0.99,92.5,1,,
Leaves,resnet18,0.9,0.2,1,5,,
Leaves,resnet50,1.2,0.3,2,4,,
"""


def test_a_messy_incomplete_table_in_percent(tmp_path):
    file = tmp_path / "messy.csv"
    file.write_text("\ufeff" + MESSY, encoding="utf-8")
    found = read(file)
    assert (found.targets, len(found.models)) == (["Beetles", "Moths", "Leaves"], 4)
    assert list(found.metrics) == ["LogME", "kNN", "FU score"]
    assert found.accuracy[0, 0] == pytest.approx(0.712) and found.accuracy[2, 0] == pytest.approx(
        0.009
    )
    tables, notes = compare(file, {"LogME": True}, resamples=50)
    said = "\n".join(summary("messy.csv", tables, notes))
    flat = " ".join(said.split())
    for words in (
        "Left out, columns without numbers or a name: Notes, one without a name.",
        "Accuracies are taken as percent.",
        "Nothing says whether larger is better for kNN and FU score",
        "Left out, under 3 models with both: LogME on Leaves, kNN on Leaves and FU score on Leaves",
        "No ρ, as all scores are equal: FU score on Moths.",
        "TOO FEW TO CONCLUDE MUCH",
    ):
        assert words in flat, words
    assert "nan" not in said


def csv(*rows, head="target,model,accuracy,metric,score"):
    return "\n".join([head, *rows])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no rows"),
        ("\n\n", "has no rows"),
        (csv("A,a,1,M,1", head="set,model,accuracy,metric,score"), "no column target; it has set"),
        (csv("A,a,1,M", head="target,model,accuracy,metric"), "none called score"),
        (csv("A,a,1", head="target,model,accuracy"), "has no column of scores"),
        (csv("A,a,0.7,M,1", "A,b,70,M,1"), "mixed: 0.7 in row 2, a fraction, and 70 in row 3"),
        (csv("A,a,70%,M,1", "A,b,70,M,1"), "row 3: the accuracy 70 has no %"),
        (csv("A,a,0.7,M,1", head="target,model,accuracy (%),metric,score"), "none is above 1"),
        (csv("A,a,-1,M,1"), "row 2: the accuracy of a on A is -1, below 0"),
        (csv("A,a,101,M,1"), "row 2: the accuracy of a on A is 101, above 100"),
        (csv("A,a,70,M,1", "A,b,70,M,1*"), "row 3: M of b is '1*', not a finite number"),
        (csv("A,a,70,M,1", "A,b,seventy,M,1"), "row 3: accuracy is 'seventy'"),
        (csv("A,a,70,M,inf"), "not a finite number"),
        (csv("A,a,70,M,1", "A,a,71,M,1"), "row 3: a on A has another accuracy"),
        (csv("A,a,70,M,1", "A,a,70,M,2"), "row 3: M of a on A has another score"),
        (csv("A,,70,M,1"), "row 2 has no model"),
        (csv("A,a,70,random,1"), "may not be called random"),
        (csv("A,a,70,M,1", "A,b,71,M,2"), "on no target do 3 models have"),
        (csv("A,a,70,M,", "A,b,71,M,"), "has no score"),
        (csv("A,a,,M,1"), "has no accuracy"),
        (csv("A,a,70,M,1,9"), "row 2 has 6 cells, and the header 5"),
        (csv("A,a,70,accuracy,1"), "may not be called accuracy"),
        (csv("A,a,70,M,1,1", head="target,model,accuracy,metric,score,score"), "two columns"),
        (csv("A,a,70,M,1,maybe", head="target,model,accuracy,metric,score,larger is better"),
         "larger_is_better is 'maybe'"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_one_line(tmp_path, text, said):
    file = tmp_path / "table.csv"
    file.write_text(text)
    with pytest.raises(TableError) as error:
        compare(file)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_settings_and_table_about_the_direction():
    table = made().assign(larger_is_better="yes")
    assert read(table).larger_is_better == {"A": True, "B": True}
    assert read(made(), False).larger_is_better == {"A": False, "B": False}
    with pytest.raises(TableError, match="larger_is_better is True for A, False in the sett"):
        read(table, {"A": False})
    with pytest.raises(TableError, match="no metric Z, .* it has A, B"):
        read(table, {"Z": True})


def test_semicolons_and_decimal_commas(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("target;model;accuracy;M\nA;a;71,5%;0,5\nA;b;70,5%;0,4\nA;c;60%;0,1\n")
    found = read(file)
    np.testing.assert_allclose(found.accuracy, [[0.715, 0.705, 0.6]])
    np.testing.assert_allclose(found.metrics["M"], [[0.5, 0.4, 0.1]])


# What is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize("targets", [1, 3])
def test_figures_and_page(targets):
    table = made(targets=targets).replace({"A": "<script>bad</script>", "B": "LogME"})
    table.loc[3, "score"] = np.nan
    tables, notes = compare(table, resamples=30)
    drawn = [
        figure6.draw(tables["mean_rho"], tables["ceiling"], paper=None),
        figure7.draw(tables["mean_regret"], paper=None),
    ]
    for figure in drawn:
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert "LogME (larger is better)" in labels
    html = page("my <table>.csv", tables, notes, {"figure6": b"<svg/>", "figure7": b"<svg/>"})
    parsed = Parsed(html)
    assert [a["id"] for tag, a in parsed.elements if tag == "section"] == [
        "notes", "means", "targets", "differences"
    ]  # fmt: skip
    assert "script" not in [tag for tag, _ in parsed.elements]
    assert not re.search(r"\bnan\b", html)


def test_one_target_is_said():
    tables, notes = compare(made(targets=1), True, resamples=50)
    assert any(note.startswith("One target") for note in notes)
    means = tables["mean_rho"].set_index("metric")
    assert means.loc["A", "low"] < means.loc["A", "mean_rho"] < means.loc["A", "high"]
    assert tables["mean_regret"]["tau_w_accuracy_low"].notna()[:2].all()


def test_equal_accuracies_are_said():
    tables, notes = compare(made(targets=1).assign(accuracy=0.5), True, resamples=20)
    assert "All accuracies are equal on t0: there is nothing to rank." in notes
    said = "\n".join(summary("x", tables, notes))
    assert "No score has a defined rho" in said and "nan" not in said
