"""Figures 2 and 3: what is drawn is what the tables say, and equal input gives equal bytes."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import jobs
from basemodel.report.figures import figure2, figure3, figure4, figure5, style
from basemodel.statistics.pairs import alpha_grid, search
from basemodel.statistics.scopes import cell_names
from basemodel.tables import write_csv

ARCHITECTURES = ["alexnet", "vgg16", "resnet18"]
TARGETS = [("cars", "Stanford Cars"), ("flowers", "Oxford Flowers-102"), ("dtd", "DTD")]
METRICS = ["S1", "S2", "S6"]


def correlation(architectures=ARCHITECTURES, targets=TARGETS, metrics=METRICS) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    cells = product(architectures, [name for name, _ in targets], metrics)
    return pd.DataFrame(
        {"architecture": a, "target": t, "metric": m, "rho": rng.uniform(-1, 1)}
        for a, t, m in cells
    )


def ceilings(architectures=ARCHITECTURES, targets=TARGETS) -> pd.DataFrame:
    cells = product(architectures, [name for name, _ in targets])
    return pd.DataFrame(
        {"architecture": a, "target": t, "ceiling": 0.9 + 0.01 * i}
        for i, (a, t) in enumerate(cells)
    )


def searched(architectures=ARCHITECTURES, targets=TARGETS, metrics=METRICS, step=0.05):
    rng = np.random.default_rng(2)
    cells = cell_names(architectures, [name for name, _ in targets])
    scaled = rng.normal(size=(len(metrics), len(cells), 30))
    accuracy = scaled[0] + 0.5 * scaled[1] + rng.normal(size=(len(cells), 30))
    return search(scaled, accuracy, alpha_grid(step), metrics, cells)


def clipped(figure: Figure) -> list[str]:
    """Texts that stick out of the figure."""
    figure.draw_without_rendering()
    page = figure.bbox
    texts = [text for text in figure.findobj(lambda a: hasattr(a, "get_text")) if text.get_text()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_visible()]
    return [
        text
        for text, box in boxes
        if box.x0 < -1 or box.y0 < -1 or box.x1 > page.x1 + 1 or box.y1 > page.y1 + 1
    ]


# Figure 2 -----------------------------------------------------------------------------------


def test_figure2_bars_are_the_table():
    table = correlation()
    figure = figure2.draw(table, ARCHITECTURES, TARGETS, METRICS)
    rho = table.set_index(["architecture", "target", "metric"])["rho"]
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        "AlexNet",
        "VGG16",
        "ResNet18",
    ]
    for panel, architecture in zip(figure.axes, ARCHITECTURES, strict=True):
        assert panel.get_ylim() == (-1, 1)
        for metric, bars in zip(METRICS, panel.containers, strict=True):
            heights = [bar.get_height() for bar in bars]
            assert heights == [rho[architecture, target, metric] for target, _ in TARGETS]
            for group, bar in enumerate(bars):  # each bar in its target's room
                assert group - 0.5 < bar.get_x() and bar.get_x() + bar.get_width() < group + 0.5
        levels = [line.get_ydata()[0] for line in panel.lines if len(line.get_ydata()) == 2]
        assert {-0.7, 0.7} <= set(levels)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:3] == [
        "S1  inter-class discreteness",
        "−S2  intra-class discreteness",
        "−S6  steepness",
    ]


def test_figure2_does_not_depend_on_the_order_of_rows():
    table = correlation()
    shuffled = figure2.draw(table.sample(frac=1, random_state=0), ARCHITECTURES, TARGETS, METRICS)
    first = figure2.draw(table, ARCHITECTURES, TARGETS, METRICS)
    for one, two in zip(first.axes, shuffled.axes, strict=True):
        assert [b.get_height() for b in one.patches] == [b.get_height() for b in two.patches]


def test_figure2_marks_an_undefined_rho():
    table = correlation()
    table.loc[(table["metric"] == "S2") & (table["target"] == "flowers"), "rho"] = np.nan
    figure = figure2.draw(table, ARCHITECTURES, TARGETS, METRICS)
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    points = [x for line in crosses for x in line.get_xdata()]
    assert points == [pytest.approx(1)]  # the middle bar of the second group
    assert figure.legends[0].get_texts()[-1].get_text() == "undefined"


def test_figure2_shows_intervals_and_the_ceiling():
    table = correlation().assign(low=lambda t: t["rho"] - 0.2, high=lambda t: t["rho"] + 0.1)
    undefined = (table["metric"] == "S1") & (table["target"] == "cars")
    table.loc[undefined, ["low", "high"]] = np.nan
    limits = ceilings()
    limits.loc[0, "ceiling"] = np.nan
    figure = figure2.draw(table, ARCHITECTURES, TARGETS, METRICS, limits)
    for number, panel in enumerate(figure.axes):
        *intervals, ceiling = [lines.get_segments() for lines in panel.collections]
        drawn = [(x, low, high) for part in intervals for (x, low), (_, high) in part]
        assert len(drawn) == 8  # of nine bars one has none
        rows = table[(table["architecture"] == ARCHITECTURES[number]) & ~undefined]
        for metric, part in zip(METRICS, intervals, strict=True):
            expected = rows[rows["metric"] == metric][["low", "high"]].to_numpy()
            found = [(low, high) for (_, low), (_, high) in part]
            np.testing.assert_allclose(found, expected)
        levels = [0.9 + 0.01 * (3 * number + group) for group in range(3)]
        np.testing.assert_allclose(
            [y for (_, y), _ in ceiling], levels[1:] if number == 0 else levels
        )
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[-2:] == ["95 % interval", "ceiling: no metric can do better"]


def test_figure2_wants_every_cell():
    with pytest.raises(KeyError, match="vgg16"):
        figure2.draw(correlation(["alexnet"]), ARCHITECTURES, TARGETS, METRICS)


def test_slanted_titles_are_cut_so_that_bars_keep_their_room():
    titles = [(f"t{i}", "Fortyletters of a title are the longest") for i in range(9)]
    figure = figure2.draw(correlation(["vgg16"], titles), ["vgg16"], titles, METRICS)
    assert clipped(figure) == []
    assert figure.axes[-1].get_xticklabels()[0].get_text() == "Fortyletters of a title…"
    assert figure.axes[0].get_window_extent().height > figure.bbox.height / 4


# Figure 3 -----------------------------------------------------------------------------------


def test_figure3_curves_are_the_array():
    table, curves = searched()
    alphas = alpha_grid(0.05)
    figure = figure3.draw(curves, table, 0.05, ARCHITECTURES, TARGETS)
    assert len(figure.axes) == 3
    lines = {"alexnet": "-", "vgg16": ":", "resnet18": "--"}
    cells = cell_names(ARCHITECTURES, range(len(TARGETS)))
    for k, panel in enumerate(figure.axes):
        for line, curve, (architecture, target) in zip(
            panel.lines, curves[k].T, cells, strict=False
        ):
            np.testing.assert_array_equal(line.get_xdata(), alphas)
            np.testing.assert_array_equal(line.get_ydata(), curve)
            assert line.get_linestyle() == lines[architecture]
            assert line.get_color() == style.colour(target)
        mean, maximum = panel.lines[9:11]
        np.testing.assert_allclose(mean.get_ydata(), curves[k].mean(axis=1), rtol=1e-12)
        assert mean.get_linewidth() > 1.5 * panel.lines[0].get_linewidth()
        assert maximum.get_xdata()[0] == table["alpha"][k]
        assert maximum.get_ydata()[0] == table["mean_rho"][k]
        first, second = list(combinations(METRICS, 2))[k]
        assert panel.get_title() == f"(1−α)·{first} + α·{second}"
    widths = [panel.spines["top"].get_linewidth() for panel in figure.axes]
    assert np.argmax(widths) == table["mean_rho"][:3].argmax()
    legend = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert legend == [
        *("AlexNet", "VGG16", "ResNet18", "mean", "its maximum", "best pair"),
        *(title for _, title in TARGETS),
    ]


def test_figure3_shows_undefined_pairs_empty():
    table, curves = searched()
    curves[0] = np.nan
    table.loc[0, ["mean_rho", "max_rho"]] = np.nan
    figure = figure3.draw(curves, table, 0.05, ARCHITECTURES, TARGETS)
    assert [text.get_text() for text in figure.axes[0].texts] == ["undefined"]


def test_figure3_refuses_arrays_that_do_not_fit():
    table, curves = searched()
    with pytest.raises(ValueError, match=r"curves of 3 pairs, 11 values of alpha and 9 cells"):
        figure3.draw(curves, table, 0.1, ARCHITECTURES, TARGETS)
    with pytest.raises(ValueError, match="at least one pair"):
        figure3.draw(curves[:0], table[3:], 0.05, ARCHITECTURES, TARGETS)


def test_figure3_says_where_a_mean_leaves_curves_out():
    table, curves = searched()
    table.loc[0, "cells"] = 7
    figure = figure3.draw(curves, table, 0.05, ARCHITECTURES, TARGETS)
    notes = [panel.texts[0].get_text() for panel in figure.axes]
    assert [note.endswith(", 7 of 9 curves") for note in notes] == [True, False, False]


# Both ---------------------------------------------------------------------------------------


def many(count: int) -> list[tuple[str, str]]:
    names = ["Oxford-IIIT Pets", "Oxford Flowers-102", "CUB-200-2011", "MIT Indoor-67"]
    return [(f"t{i}", names[i % 4]) for i in range(count)]


SIZES = [
    (["resnet18"], many(2), ["S4", "S5"]),  # one pair
    (ARCHITECTURES, many(8), ["S1", "S2", "S3", "S4"]),
    (ARCHITECTURES, [("a", "A Rather Long Title of a Data Set"), *many(8)], ["S1", "S2", "S3"]),
    (ARCHITECTURES[:2], many(13), ["S1", "S2", "S3", "S4", "S5", "S6"]),
]


@pytest.mark.parametrize("size", SIZES, ids=["small", "usual", "long", "large"])
def test_nothing_is_clipped_or_too_small_and_no_legend_covers_data(size):
    architectures, targets, metrics = size
    table, curves = searched(*size)
    figures = [
        figure2.draw(correlation(*size), architectures, targets, metrics),
        figure3.draw(curves, table, 0.05, architectures, targets),
    ]
    assert len(figures[0].axes) == len(architectures)
    assert len(figures[1].axes) == len(metrics) * (len(metrics) - 1) // 2
    for figure in figures:
        assert clipped(figure) == []
        assert figure.get_figwidth() < 7.5  # the text width of A4 and letter: fonts keep their size
        texts = figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))
        assert min(text.get_fontsize() for text in texts if text.get_text()) >= 7
        for legend, panel in product(figure.legends, figure.axes):
            assert not legend.get_window_extent().overlaps(panel.get_window_extent())


def test_tick_labels_of_many_targets_do_not_overlap():
    for count in (8, 13):
        figure = figure2.draw(correlation(targets=many(count)), ARCHITECTURES, many(count), METRICS)
        figure.draw_without_rendering()
        labels = figure.axes[-1].get_xticklabels()
        if labels[0].get_rotation() == 0:
            boxes = [label.get_window_extent() for label in labels]
            assert all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:], strict=False))
        else:
            assert count > 8


def test_looks_do_not_recur_soon():
    assert len({(style.colour(i), style.hatch(i)) for i in range(20)}) == 20
    assert len({(style.colour(i), style.marker(i)) for i in range(20)}) == 20


def run(tmp_path, figure: str, out: str, inputs: dict, params: dict) -> dict[str, bytes]:
    outputs = {kind: tmp_path / f"{out}.{kind}" for kind in ("svg", "pdf", "png")}
    jobs.run("figure.py", input=inputs, output=outputs, params={"figure": figure, **params})
    return {kind: path.read_bytes() for kind, path in outputs.items()}


def test_scripts_write_equal_bytes_without_dates(tmp_path):
    table, curves = searched()
    write_csv(tmp_path / "correlation.csv", correlation())
    write_csv(tmp_path / "ceiling.csv", ceilings())
    write_csv(tmp_path / "pairs.csv", table)
    np.save(tmp_path / "curves.npy", curves)
    common = {"architectures": ARCHITECTURES, "targets": [list(t) for t in TARGETS], "dpi": 50}
    jobs = {
        "figure2": (
            {
                "correlation": tmp_path / "correlation.csv",
                "ceiling": tmp_path / "ceiling.csv",
            },
            common | {"metrics": METRICS},
        ),
        "figure3": (
            {"curves": tmp_path / "curves.npy", "pairs": tmp_path / "pairs.csv"},
            common | {"alpha_step": 0.05},
        ),
    }
    for figure, (inputs, params) in jobs.items():
        first = run(tmp_path, figure, "one", inputs, params)
        second = run(tmp_path, figure, "two", inputs, params)
        assert first == second
        assert first["svg"].startswith(b"<?xml") and b"<dc:date>" not in first["svg"]
        assert first["pdf"].startswith(b"%PDF") and b"CreationDate" not in first["pdf"]
        assert first["png"].startswith(b"\x89PNG")
    assert not list(tmp_path.glob(".*.part"))


ODD = [
    *("Cars $5", "a_b^{c", "$a_b^{c$", "$\\frac{$ and $", "{x} {{y}}", "_hidden", "100 % <b>&amp;"),
    *("'one' \"two\"", "a\\b#c~d", "漢字", "W" * 40),
]


@pytest.mark.filterwarnings("ignore:Glyph .* missing from:UserWarning")
def test_titles_are_plain_text(tmp_path):
    """Dollars, braces and backslashes are no formulas."""
    targets = [(f"t{i}", title) for i, title in enumerate(ODD)]
    size = ["alexnet", "vgg16"], targets, ["S1", "S2"]
    table, curves = searched(*size)
    cuts = pd.DataFrame(
        {"architecture": "alexnet", "target": target, "layer": layer, "accuracy": 0.1 * layer}
        for target, _ in targets
        for layer in range(5)
    )
    figures = [
        figure2.draw(correlation(*size), *size),
        figure3.draw(curves, table, 0.05, *size[:2]),
        figure4.draw(cuts, "alexnet", targets),
        figure5.draw(correlation(*size).assign(n=5), *size),
    ]
    for number, figure in enumerate(figures, start=2):
        paths = {kind: tmp_path / f"{number}.{kind}" for kind in ("svg", "pdf", "png")}
        style.save(figure, paths, 40)
        shown = {t.get_text() for t in figure.findobj(lambda artist: hasattr(artist, "get_text"))}
        assert set(ODD[:5]) <= shown  # the others are long, and cut or wrapped
    assert [text.get_text() for text in figures[1].legends[1].get_texts()] == ODD
