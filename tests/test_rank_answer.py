"""The answer in words and the terminal's text of a ranking."""

import unicodedata

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from basemodel.report import rank_words
from basemodel.report.rank_answer import terminal
from basemodel.report.rank_page import page
from rank_fixture import ALL, alone, clear_leader, hostile, large, nothing, ranking, unlabelled

LITE = "timm:tf_efficientnet_lite{}.in1k"


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_terminal_text_is_short_and_narrow(make):
    lines = terminal(make()).splitlines()
    assert len(lines) <= 19
    assert max(map(len, lines)) <= 100


def test_terminal_text_is_short_however_long_the_reasons_are():
    made = large()
    endless = "reason " * 300
    made["scores"][0] |= {"trust": "untrusted", "why": endless}
    made["failures"][0] |= {"reason": endless, "remedy": endless}
    made["images"]["problems"][0] = made["name"] = endless
    made["verify"] = {"rows": [], "regret": None, "sentence": endless}
    lines = terminal(made).splitlines()
    assert len(lines) == 19 and max(map(len, lines)) <= 100
    assert sum("timm:convnext" in line for line in lines) >= 1
    page(made)


def test_what_fine_tuning_said_is_not_cut_off():
    made = ranking()
    made["verify"] = {
        "rows": [],
        "sentence": "Of the 3 that were fine-tuned with 2 seeds, file:tf_efficientnet_lite2, the "
        "3rd by linear probe and the 1st by size, was best (91.5 %); file:tf_efficientnet_lite1, "
        "the 1st by linear probe, lost 8.5 points (−4.9 to 22.0).",
    }
    assert made["verify"]["sentence"] in " ".join(terminal(made).split("\n"))


def test_terminal_text_cannot_steer_the_terminal():
    assert "\x1b" not in terminal(hostile())


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
        f"Not significantly different from it: {LITE.format(2)} (2.9 points, −0.5 to 6.2). "
        f"{LITE.format(0)} is worse by 6.7 points (2.4 to 11.0), and so are 3 others."
    )


def test_answer_names_the_smallest_of_those_that_do_not_differ_significantly():
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
    assert "did you mean timm:resnet18?" in terminal(nothing())


def test_answer_without_labels_recommends_nothing():
    text = answer(unlabelled())
    assert text.startswith("The images have no labels")
    assert f"By S3, which needs no labels, {LITE.format(1)} comes first." in text
    assert "Start from" not in text
    assert "intervals cover" not in terminal(unlabelled())


def test_answer_warns_if_its_own_score_is_not_to_be_trusted():
    made = ranking()
    made["scores"][0] |= {"trust": "untrusted", "why": "puts untrained a above trained b"}
    assert answer(made).startswith(
        "Do not rely on this order: linear probe puts untrained a above trained b. Start from"
    )


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
