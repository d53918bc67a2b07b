"""The page of a ranking as text; in a browser: test_rank_browser.py."""

import copy
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel.report import rank_plots
from basemodel.report.rank_answer import terminal
from basemodel.report.rank_page import page
from rank_fixture import ALL, hostile, large, nothing, ranking, unlabelled, verified

SECTIONS = [
    "candidates",
    "cost",
    "differences",
    "verified",
    "trust",
    "agreement",
    "hard",
    "confusion",
    "problems",
    "next",
]
VOID = {"meta", "link", "input", "img", "br", "wbr"}
LITE = "timm:tf_efficientnet_lite{}.in1k"


class Parsed(HTMLParser):
    """The elements of a page; fails where an element is not closed in turn."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self.open = [], {}, []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append((tag, dict(attributes).get("id")))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, name in self.open:
            if name:
                self.texts[name] = self.texts.get(name, "") + data


def text_of(html, section):
    return " ".join(Parsed(html).texts[section].split())


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_page_has_every_section_and_loads_nothing(make):
    html = page(make())
    parsed = Parsed(html)
    assert [a["id"] for tag, a in parsed.elements if tag == "section"] == SECTIONS
    links = [a["href"] for tag, a in parsed.elements if tag == "a"]
    assert links[: len(SECTIONS)] == [f"#{name}" for name in SECTIONS]
    assert set(links[len(SECTIONS) :]) <= {"#problems"}
    for tag, attributes in parsed.elements:
        for name in ("src", "srcset", "href", "action", "data", "poster"):
            if name in attributes and tag != "a":
                assert attributes[name].startswith("data:"), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
    css = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in css and "@import" not in css


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_equal_rankings_give_equal_bytes(make):
    assert page(make()) == page(copy.deepcopy(make()))


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_ranking_is_left_as_it_was(make):
    made = make()
    page(made)
    terminal(made)
    assert made == make()


def test_names_are_text_not_html():
    html = page(hostile())
    parsed = Parsed(html)
    assert [tag for tag, _ in parsed.elements].count("script") == 1
    assert "example.org" not in html
    bad = "<script>document.title='taken'</script>"
    for section in ("candidates", "differences", "trust", "hard", "confusion", "problems"):
        assert bad in Parsed(html).texts[section].replace("\n", ""), section
    for section in ("hard", "problems"):
        assert f"{bad}\"'&" in parsed.texts[section]


def test_file_names_that_are_not_utf8_can_be_written():
    made = ranking()
    made["images"]["problems"] = ["caf\udce9.png: cannot be decoded"]
    assert r"caf\xe9.png" in page(made)
    page(made).encode()


def test_page_with_failures_only_has_their_remedies():
    html = page(nothing())
    assert "did you mean timm:resnet18?" in text_of(html, "problems")
    assert text_of(html, "hard").endswith("There is no candidate.")


def test_page_without_labels_says_what_is_missing():
    html = page(unlabelled())
    assert "Missing, for the images have no labels" in text_of(html, "trust")
    for words in (">may be best<", "intervals are for new images"):
        assert words not in html and words in page(ranking())


def test_fine_tuning_is_reported():
    sentence = f"{LITE.format(0)} is best; following the score costs 2.0 points."
    html = page(verified())
    shown = text_of(html, "verified")
    assert sentence in shown and "82.0 %, 83.0 %, 84.0 %" in shown.replace("\u00a0", " ")
    assert f"Fine-tuned: {sentence}" in terminal(verified())
    assert "Nothing has been fine-tuned yet" in text_of(page(ranking()), "verified")


def test_every_candidate_baseline_and_failure_is_there():
    made = ranking()
    shown = text_of(page(made), "candidates")
    for each in [*made["candidates"], *made["baselines"]]:
        assert each["name"] in shown
    assert "not applicable: no exact zeros" in shown
    assert "2 candidates could not be ranked: why, and what to do." in shown.replace("\u00a0", " ")
    failed = text_of(page(made), "problems")
    assert "timm:resnet1no such model. Remedy: did you mean timm:resnet18?" in failed


def test_values_in_the_table():
    html = page(ranking())
    row = next(row for row in html.split("<tr") if 'data-v="torchvision:densenet121"' in row)
    cells = re.findall(r'data-v="([^"]*)"', row)
    assert cells[:7] == [
        "5", "torchvision:densenet121", "0.811", "False", "0.781", "7978856", "2.83e+09"
    ]  # fmt: skip
    assert "81.1\u00a0%" in row and "77.1 to 84.6" in row and "2.83\u00a0G" in row


def test_untrusted_scores_say_why():
    shown = text_of(page(ranking()), "trust")
    assert "not to be trusted here: puts untrained vit_tiny above" in shown
    assert "Not to be trusted here: S3." in terminal(ranking())


def test_large_confusion_is_listed_instead_of_drawn():
    html = page(large())
    shown = text_of(html, "confusion")
    assert "rarer pairs left out" in shown
    assert "true class" not in shown
    assert "true class" in text_of(page(ranking()), "confusion")
    assert "fruit taken for flowers: 3 of 26" in text_of(page(ranking()), "confusion")


def test_static_order_says_where_the_leader_is():
    assert "number 3 of 3 in it" in text_of(page(ranking()), "agreement")


def drawn(made, cost="multiply_adds"):
    """The figure, its panel, and the points."""
    score, names = made["scores"][0], rank_plots.short_names(made["candidates"])
    figure = rank_plots.scatter(
        rank_plots.drawable(made["candidates"], score, cost), score, cost, names
    )
    [panel] = figure.axes
    return figure, panel, [tuple(xy) for line in panel.lines for xy in line.get_xydata().tolist()]


def test_drawn_points_are_inside_and_labels_apart():
    made = large()
    figure, panel, points = drawn(made)
    assert sorted(points) == sorted(
        (each["multiply_adds"], each["scores"]["LinearProbe"]["value"])
        for each in made["candidates"]
    )
    intervals = [tuple(end) for lines in panel.collections for end in lines.get_segments()[0]]
    for x, y in [*points, *intervals]:
        assert panel.get_xlim()[0] < x < panel.get_xlim()[1]
        assert panel.get_ylim()[0] < y < panel.get_ylim()[1]
    boxes = [label.get_window_extent() for label in panel.texts]
    marks = [panel.transData.transform(point) for point in points]
    assert len(boxes) >= 30
    for i, box in enumerate(boxes):
        assert not box.count_overlaps(boxes[:i]) and not any(box.contains(*mark) for mark in marks)
        assert figure.bbox.containsx(box.x0) and figure.bbox.containsx(box.x1)


@given(low=st.floats(1, 1e11), ratio=st.floats(1, 1e5))
@settings(deadline=None, max_examples=30)
def test_the_scale_of_costs_can_be_read(low, ratio):
    made = ranking()
    made["candidates"] = made["candidates"][:2]
    made["candidates"][0]["multiply_adds"] = low
    made["candidates"][1]["multiply_adds"] = low * ratio
    _, panel, _ = drawn(made)
    start, end = panel.get_xlim()
    ticks = [
        tick.label1.get_window_extent()
        for tick in panel.xaxis.get_major_ticks()
        if start <= tick.get_loc() <= end
    ]
    assert len(ticks) >= 2
    assert all(left.x1 < right.x0 for left, right in zip(ticks, ticks[1:], strict=False))


def test_the_drawing_takes_its_colours_from_the_page_and_names_its_points():
    html = page(ranking())
    for drawing in re.findall(r"<svg class=.plot.*?</svg>", html, re.DOTALL):
        assert set(re.findall(r"(?:fill|stroke): ([^;\"]*)", drawing)) == {
            "none", "var(--first)", "var(--other)", "var(--line)"
        }  # fmt: skip
        assert f"<title>3. {LITE.format(0)}</title>" in drawing
        assert "tf_efficientnet_lite0</text>" in drawing


def test_points_are_labelled_with_the_shortest_name_that_is_unmistakable():
    named = {
        "timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k": "vit_tiny_patch16_224",
        "timm:resnet18.a1_in1k": "resnet18.a1_in1k",
        "timm:resnet18.a3_in1k": "resnet18.a3_in1k",
        "torchvision:densenet121": "densenet121",
        "timm:densenet121.ra_in1k": "densenet121.ra_in1k",
        "torchvision:alexnet": "torchvision:alexnet",
        "file:alexnet": "file:alexnet",
        "file:beetles_2024": "beetles_2024",
        "base:resnet18/class10-03": "resnet18/class10-03",
        "base:resnet18/class10-04": "resnet18/class10-04",
    }
    candidates = [
        {"slug": name, "name": name, "architecture": name.split(".")[0].split("/")[0]}
        for name in named
    ]
    candidates[list(named).index("file:beetles_2024")]["architecture"] = "timm:resnet50"
    assert rank_plots.short_names(candidates) == named


@pytest.mark.parametrize("field", ["multiply_adds", "parameters"])
def test_candidates_without_a_value_are_not_drawn(field):
    made = ranking()
    made["candidates"][0][field] = None
    made["candidates"][1]["scores"]["LinearProbe"] = {"value": None, "note": "failed"}
    assert len(drawn(made, field)[2]) == 4
    assert "2\u00a0candidates without a value: not drawn" in page(made)
    terminal(made)


def test_equal_candidates_can_be_drawn():
    made = ranking()
    for each in made["candidates"]:
        each |= {"multiply_adds": 1e9, "scores": {"LinearProbe": {"value": 1.0}}}
    assert set(drawn(made)[2]) == {(1e9, 1.0)}
