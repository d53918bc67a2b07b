"""Figures 6 and 7: order, intervals and looks are the tables'; nothing is clipped."""

import numpy as np
import pandas as pd
import pytest

import jobs
from basemodel import metrics
from basemodel.report.figures import figure6, figure7, ranked, style
from basemodel.statistics import scopes
from basemodel.tables import write_csv
from test_figures_training import clipped

PAPER = ["S1", "S2", "S3"]
NAMES = ["S1", "S2", "S3", "LogME", "kNN", "source_accuracy", "feature_norm"]
SCOPES = list(scopes.SCOPES)


def mean_rho(names=NAMES, scopes=SCOPES) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for scope in scopes:
        for name in names:
            rho, within = rng.uniform(-0.8, 0.9, 2)
            rows.append((scope, name, rho, rho - 0.1, rho + 0.05, within, within - 0.2, within))
    columns = "scope metric mean_rho low high mean_within within_low within_high"
    return pd.DataFrame(rows, columns=columns.split())


def mean_regret(names=NAMES, scopes=SCOPES) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = []
    for scope in scopes:
        for name in [*names, "random"]:
            row = {"scope": scope, "metric": name}
            for k in (1, 3, 5):
                value = rng.uniform(0, 20) / k
                row |= {f"regret_{k}": value, f"regret_{k}_low": value - 3}
                row |= {f"regret_{k}_high": value + 2}
            rows.append(row)
    return pd.DataFrame(rows)


CEILING = pd.DataFrame(
    [("vgg16", "a", 0.9, 0.7), ("vgg16", "b", 0.96, 0.8), ("all", "a", 0.98, 0.99)],
    columns=["architecture", "target", "ceiling", "ceiling_within"],
)


def drawn(panel) -> dict[tuple[float, float], str]:
    """Every marker's place, and its colour."""
    return {
        (round(x, 9), round(y, 9)): line.get_color()
        for line in panel.lines
        if line.get_marker() not in ("None", None, "")
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }


def test_figure6_is_the_table_in_the_order_of_the_first_scope():
    table = mean_rho()
    figure = figure6.draw(table, CEILING, PAPER)
    first = table[table["scope"] == SCOPES[0]].sort_values("mean_rho", ascending=False)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == [style.label(metric) for metric in first["metric"]]
    for panel, scope in zip(figure.axes, SCOPES, strict=True):
        rows = table[table["scope"] == scope].set_index("metric").loc[first["metric"]]
        places = drawn(panel)
        for row, (metric, values) in enumerate(rows.iterrows()):
            colour = ranked.LOOKS[metrics.family(metric, PAPER)][0]
            assert places[round(values["mean_rho"], 9), row] == colour
            assert places[round(values["mean_within"], 9), row + figure6.WITHIN] == colour
        spans = [s for lines in panel.collections for s in lines.get_segments()]
        ends = sorted((low[0], high[0]) for low, high in spans)
        expected = sorted([*zip(rows["low"], rows["high"], strict=True)] +
                          [*zip(rows["within_low"], rows["within_high"], strict=True)])  # fmt: skip
        np.testing.assert_allclose(ends, expected)


def test_figure6_draws_the_mean_ceilings_of_its_scope():
    figure = figure6.draw(mean_rho(), CEILING, PAPER)
    levels = [
        [line.get_xdata()[0] for line in panel.lines if line.get_color() == "black"]
        for panel in figure.axes
    ]
    assert sorted(levels[0]) == pytest.approx([0.75, 0.93])
    assert sorted(levels[1]) == pytest.approx([0.98, 0.99])


def test_families_of_metrics():
    families = {name: metrics.family(name, PAPER) for name in NAMES}
    assert [families[name] for name in ("S1", "LogME", "source_accuracy", "feature_norm")] == [
        "the paper's metrics", "later metrics", "static baselines", "static baselines",
    ]  # fmt: skip


def test_an_undefined_mean_leaves_its_row_empty_and_last():
    table = mean_rho(scopes=SCOPES[:1])
    table.loc[table["metric"] == "S1", "mean_rho":] = np.nan
    figure = figure6.draw(table, CEILING, PAPER)
    assert figure.axes[0].get_yticklabels()[-1].get_text() == style.label("S1")
    assert not [place for place in drawn(figure.axes[0]) if place[1] >= 6 and place[0] == place[0]]


def test_figure7_is_the_table_with_chance_in_its_place():
    table = mean_regret()
    figure = figure7.draw(table, PAPER)
    first = table[table["scope"] == SCOPES[0]].sort_values("regret_1")
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels.index("random choice") == list(first["metric"]).index("random")
    for panel, scope in zip(figure.axes, SCOPES, strict=True):
        rows = table[table["scope"] == scope].set_index("metric").loc[first["metric"]]
        places = drawn(panel)
        for row, (_, values) in enumerate(rows.iterrows()):
            for k in (1, 3, 5):
                assert (round(values[f"regret_{k}"], 9), row) in places
        lows = [low[0] for lines in panel.collections for low, _ in lines.get_segments()]
        assert min(lows) >= 0  # no regret is negative


@pytest.mark.parametrize("names", [["S1"], NAMES, metrics.available()], ids=len)
def test_nothing_is_clipped_or_too_small(names):
    paper = [name for name in names if name.startswith("S") and len(name) == 2]
    for figure in (
        figure6.draw(mean_rho(names), CEILING, paper),
        figure7.draw(mean_regret(names), paper),
    ):
        figure.draw_without_rendering()
        assert not clipped(figure)
        assert figure.get_figwidth() < 7.5
        texts = figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))
        assert min(text.get_fontsize() for text in texts if text.get_text()) >= 7
        for panel in figure.axes:
            assert not figure.legends[0].get_window_extent().overlaps(panel.get_window_extent())
            assert panel.get_window_extent().width > figure.bbox.width / 4


def test_scripts_write_equal_bytes(tmp_path):
    tables = {"mean_rho": mean_rho(), "mean_regret": mean_regret(), "ceiling": CEILING}
    for name, table in tables.items():
        write_csv(tmp_path / f"{name}.csv", table)
    for figure, inputs in (
        ("figure6", ["mean_rho", "ceiling"]),
        ("figure7", ["mean_regret"]),
    ):
        written = []
        for turn in ("one", "two"):
            out = {kind: tmp_path / f"{turn}.{kind}" for kind in ("svg", "pdf", "png")}
            jobs.run(
                "figure.py",
                input={name: tmp_path / f"{name}.csv" for name in inputs},
                output=out,
                params={"figure": figure, "paper": PAPER, "dpi": 50},
            )
            written.append([path.read_bytes() for path in out.values()])
        assert written[0] == written[1]
