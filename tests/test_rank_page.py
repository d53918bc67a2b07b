"""The page and the terminal's text of a ranking, as text; in a browser: test_rank_browser.py."""

import copy
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from basemodel.report import rank_plots, rank_words
from basemodel.report.rank_answer import terminal
from basemodel.report.rank_page import page
from rank_fixture import (
    ALL,
    alone,
    clear_leader,
    hostile,
    large,
    nothing,
    ranking,
    unlabelled,
    verified,
)

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
    "reproduce",
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
    assert links == [f"#{name}" for name in SECTIONS]
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


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_terminal_text_is_short_and_narrow(make):
    lines = terminal(make()).splitlines()
    assert len(lines) <= 19
    assert max(map(len, lines)) <= 100


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


def test_terminal_text_cannot_steer_the_terminal():
    assert "\x1b" not in terminal(hostile())


def test_file_names_that_are_not_utf8_can_be_written():
    made = ranking()
    made["images"]["problems"] = ["caf\udce9.png: cannot be decoded"]
    assert r"caf\xe9.png" in page(made)
    page(made).encode()


def answer(made):
    return " ".join(rank_words.sentences(made)).replace("\u00a0", " ")


def test_answer_with_a_clear_leader():
    assert answer(clear_leader()) == (
        f"Start from {LITE.format(1)}: linear probe 90.4 % (86.4 to 93.9). "
        f"{LITE.format(2)} is worse by 2.9 points (0.4 to 5.4), and so are 4 others."
    )


def test_answer_with_a_tie():
    assert answer(ranking()) == (
        f"Start from {LITE.format(1)}: linear probe 90.4 % (86.4 to 93.9). "
        f"Not told apart from it: {LITE.format(2)} (2.9 points, −0.5 to 6.2). "
        f"{LITE.format(0)} is worse by 6.7 points (2.4 to 11.0), and so are 3 others."
    )


def test_answer_names_the_smallest_of_those_not_told_apart():
    made = ranking()
    made["candidates"][2]["group"] = 1
    assert (
        f"{LITE.format(2)} (2.9 points, −0.5 to 6.2) and {LITE.format(0)} (6.7 points, "
        f"2.4 to 11.0). The smallest of these is {LITE.format(0)}, with 4.65 M parameters "
        "instead of 5.42 M. timm:resnet18.a1_in1k is worse"
    ) in answer(made)


def test_answer_counts_what_it_does_not_name():
    made = large()
    for each in made["candidates"]:
        each["group"] = 1
    assert "and 36 others." in answer(made)
    assert "worse" not in answer(made)


def test_answer_with_one_candidate_left():
    text = answer(alone())
    assert text.startswith(f"Only {LITE.format(1)} could be ranked: linear probe 90.4 %")
    assert "A ranking needs at least two candidates. 2 candidates failed" in text
    assert "Start from" not in text


def test_answer_with_failures_only():
    assert answer(nothing()).startswith("No candidate could be ranked. 2 candidates failed")
    html = page(nothing())
    assert "did you mean timm:resnet18?" in text_of(html, "problems")
    assert "did you mean timm:resnet18?" in terminal(nothing())
    assert text_of(html, "hard").endswith("There is no candidate.")


def test_answer_without_labels_recommends_nothing():
    text = answer(unlabelled())
    assert text.startswith("The images have no labels")
    assert f"By S3, which needs no labels, {LITE.format(1)} comes first." in text
    assert "Start from" not in text
    html = page(unlabelled())
    assert "Missing, for the images have no labels" in text_of(html, "trust")
    assert ">group<" not in html
    assert "intervals cover" not in text_of(html, "candidates") + terminal(unlabelled())


def test_answer_warns_if_its_own_score_is_not_to_be_trusted():
    made = ranking()
    made["scores"][0] |= {"trust": "untrusted", "why": "puts untrained a above trained b"}
    assert answer(made).startswith(
        "Do not rely on this order: linear probe puts untrained a above trained b. Start from"
    )


def test_fine_tuning_is_reported():
    sentence = f"{LITE.format(0)} is best; following the score costs 2.0 points."
    html = page(verified())
    shown = text_of(html, "verified")
    assert sentence in shown and "82.0, 83.0, 84.0" in shown and "Regret" in shown
    assert f"Fine-tuned: {sentence}" in terminal(verified())
    assert "Nothing has been fine-tuned yet" in text_of(page(ranking()), "verified")


def test_table_has_every_candidate_control_and_failure():
    made = ranking()
    shown = text_of(page(made), "candidates")
    for each in [*made["candidates"], *made["controls"], *made["failures"]]:
        assert each["name"] in shown
    assert "Failed: no such model; did you mean timm:resnet18?" in shown
    assert "not applicable: no exact zeros" in shown


def test_values_in_the_table():
    html = page(ranking())
    row = next(row for row in html.split("<tr") if 'data-v="torchvision:densenet121"' in row)
    cells = re.findall(r'data-v="([^"]*)"', row)
    assert cells[:8] == [
        "5",
        "torchvision:densenet121",
        "0.811",
        "2",
        "0.781",
        "7978856",
        "2830000000.0",
        "14.3",
    ]
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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (999, "999"),
        (999.7, "1 k"),
        (11689512, "11.7 M"),
        (999_999_999, "1 G"),
        (1.814e9, "1.81 G"),
        (5e16, "5e+04 T"),
    ],
)
def test_magnitude(value, text):
    assert rank_words.magnitude(value).replace("\u00a0", " ") == text


def test_decimal_has_no_minus_zero():
    assert rank_words.decimal(-0.04) == "0.0"
    assert rank_words.decimal(-0.5) == "−0.5"


def test_drawn_points_are_inside_and_labels_apart():
    made = large()
    scatter = rank_plots.scatter(made["candidates"], made["scores"][0], "multiply_adds")
    assert len(scatter["points"]) == 40 and scatter["missing"] == 0
    right, bottom = rank_plots.WIDTH - rank_plots.RIGHT, rank_plots.HEIGHT - rank_plots.BOTTOM
    for point in scatter["points"]:
        assert rank_plots.LEFT <= point["x"] <= right
        assert rank_plots.TOP <= point["high"] <= point["y"] <= point["low"] <= bottom
    boxes = []
    for point in scatter["points"]:
        if point["label"]:
            width = rank_plots.LETTER * len(point["label"])
            left = point["label_x"]
            left -= {"start": 0, "middle": width / 2, "end": width}[point["anchor"]]
            boxes.append((left, point["label_y"], left + width))
    assert len(boxes) >= 30
    for i, (left, y, right) in enumerate(boxes):
        for other_left, other_y, other_right in boxes[:i]:
            beside = right <= other_left + 0.2 or other_right <= left + 0.2
            assert beside or abs(y - other_y) >= rank_plots.LINE - 0.2


@pytest.mark.parametrize("field", ["multiply_adds", "images_per_second"])
def test_candidates_without_a_value_are_not_drawn(field):
    made = ranking()
    made["candidates"][0][field] = None
    made["candidates"][1]["scores"]["LinearProbe"] = {"value": None, "note": "failed"}
    scatter = rank_plots.scatter(made["candidates"], made["scores"][0], field)
    assert scatter["missing"] == 2
    assert [point["place"] for point in scatter["points"]] == [3, 4, 5, 6]
    page(made)
    terminal(made)


def test_equal_candidates_can_be_drawn():
    made = ranking()
    for each in made["candidates"]:
        each |= {"multiply_adds": 1e9, "scores": {"LinearProbe": {"value": 1.0}}}
    scatter = rank_plots.scatter(made["candidates"], made["scores"][0], "multiply_adds")
    assert len({(point["x"], point["y"]) for point in scatter["points"]}) == 1


def columns_of(line):
    """What a terminal takes: letters of East Asia are two columns wide."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in line)


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=120)


@settings(deadline=None, max_examples=25, phases=[Phase.explicit, Phase.generate])
@given(names, names, st.integers(0, 6), st.floats(0, 1), st.integers(1, 10**12))
def test_any_name_and_number_fits(name, reason, count, value, size):
    made = ranking()
    made["candidates"] = made["candidates"][:count]
    for each in made["candidates"][:2]:
        each |= {"name": name, "architecture": name, "parameters": size, "multiply_adds": size}
        each["scores"]["LinearProbe"]["value"] = value
    made["failures"][0] |= {"name": name, "reason": reason}
    made["name"] = name
    text = terminal(made)
    assert text.endswith("\n") and len(text.split("\n")) <= 20
    assert max(map(columns_of, text.split("\n"))) <= 100
    assert page(made).count("<script") == 1
