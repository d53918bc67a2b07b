"""The answer in words and the terminal's text of a ranking."""

import re
import unicodedata

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from basemodel.report import rank_words
from basemodel.report.rank_answer import next_steps, terminal
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
)  # fmt: skip

LITE = "timm:tf_efficientnet_lite{}.in1k"


def without_failures(made):
    return {**made, "failures": []}


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_terminal_text_is_short_and_narrow(make):
    assert len(terminal(without_failures(make())).splitlines()) <= 19
    assert max(map(len, terminal(make()).splitlines())) <= 100


def test_terminal_text_is_short_however_long_the_texts_are():
    made = large()
    endless = "reason " * 300
    made["scores"][0] |= {"trust": "untrusted", "why": endless}
    made["images"]["problems"][0] = made["name"] = endless
    made["verify"] = {**verified()["verify"], "sentence": endless}
    lines = terminal(without_failures(made)).splitlines()
    assert len(lines) == 19 and max(map(len, lines)) <= 100
    assert sum("timm:convnext" in line for line in lines) >= 1
    page(made)


def test_a_reason_for_a_failure_is_wrapped_and_never_cut():
    made = large()
    made["failures"] = [
        {"name": "file:w", "reason": f"no tensor {'a.b.c ' * 150}here", "remedy": "leave it out"}
    ]
    lines = terminal(made).splitlines()
    assert max(map(len, lines)) <= 100
    assert f"Failed: file:w: {made['failures'][0]['reason']}: leave it out" in " ".join(lines)
    assert sum("timm:convnext" in line for line in lines) >= 4
    assert made["failures"][0]["reason"] in page(made)


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
        f"Start from {LITE.format(1)}: its linear probe gets about 90.4 % of new images right "
        "(86.4 to 93.9). An untrained network gets up to 42.8 %. "
        f"Not the best: {LITE.format(2)}, 2.9 points behind (0.4 to 5.4), and 4 others."
    )


def test_answer_with_two_that_may_be_the_best():
    assert answer(ranking()) == (
        f"Start from one of 2 that may be the best: {LITE.format(1)} and {LITE.format(2)}. "
        "The first is also the smallest, with 5.42 M parameters. The linear probe of the first "
        "gets 90.4 % right, and about 89.6 % of new images (86.4 to 93.9). "
        "An untrained network gets up to 42.8 %. "
        f"Not the best: {LITE.format(0)}, 6.7 points behind (2.4 to 11.0), and 3 others. "
        "208 images show only differences of 9 points; 832 would show 4 points."
    )


def test_the_sign_of_what_may_be_the_best_has_its_words_beside_it():
    lines = terminal(ranking()).splitlines()
    [heading] = [i for i, line in enumerate(lines) if "(= may be the best as well)" in line]
    assert lines[heading + 2].startswith(" 2= ") and lines[heading + 3].startswith("  3 ")
    made = ranking()
    made["evidence"] |= {"verdict": "untrusted"}
    assert not re.search(r"\d=", terminal(made))


def test_groups_are_told():
    made = ranking()
    made["images"]["groups"] = 120
    text = " ".join(terminal(made).replace("\u00a0", " ").split())
    assert "in 8 classes, 120 groups: " in text
    assert "intervals are for new groups of images of these classes" in text


def test_all_tied_is_no_reason_to_start_from_the_first():
    made = ranking()
    made["candidates"] = made["candidates"][:3]
    for each in made["candidates"]:
        each["possible_best"] = True
    made["evidence"] |= {"verdict": "any"}
    assert answer(made).startswith(
        f"Any of these 3 may be the best: {LITE.format(1)}, {LITE.format(2)} and {LITE.format(0)}. "
        f"The smallest of them is {LITE.format(0)}, with 4.65 M parameters: at most 11.0 points "
        "behind the best. "
    )
    assert f"basemodel.load('{LITE.format(0)}')" in next_steps(made)
    assert "Start from" not in answer(made) and "Not the best" not in answer(made)


def test_too_few_images_is_said():
    made = ranking()
    made["images"]["probe"], made["evidence"]["shown"] = 12, 0.41
    assert answer(made).endswith(
        "These are too few images to choose by: 12 images show only differences of 41 points; "
        "48 would show 20 points."
    )


def test_no_better_than_guessing():
    made = ranking()
    made["evidence"] |= {"verdict": "guessing", "guessing": 0.88, "corrected": 0.89}
    assert answer(made).startswith(
        f"No candidate is shown to be better than guessing: {LITE.format(1)} gets about 89.0 % of "
        "new images right (86.4 to 93.9) by linear probe, guessing 88.0 %."
    )
    assert "Start from" not in answer(made)


def test_answer_counts_what_it_does_not_name():
    made = large()
    for each in made["candidates"]:
        each["possible_best"] = True
    assert "and 37 others." in answer(made)
    assert "Not the best" not in answer(made)


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
    assert "95 % intervals" not in terminal(unlabelled())


def test_answer_warns_if_its_own_score_is_not_to_be_trusted():
    made = ranking()
    made["scores"][0] |= {"trust": "untrusted", "why": "puts untrained a above trained b"}
    made["evidence"]["verdict"] = "untrusted"
    assert answer(made).startswith(
        "Do not rely on this order: linear probe puts untrained a above trained b. "
        f"By this score {LITE.format(1)} comes first, with about 89.6 % of new images right"
    )
    assert "An untrained network gets up to" in answer(made) and "Not the best" not in answer(made)
    assert "Start from" not in answer(made)


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


def test_what_to_do_now():
    made = ranking()
    first = made["candidates"][0]["slug"]
    assert next_steps(made).splitlines() == [
        f"To use {LITE.format(1)} in Python:",
        "    import basemodel",
        f"    model, transform = basemodel.load('{LITE.format(1)}')",
        "Its embeddings of these images:",
        f"    results/rank/stamps/candidates/{first}/arrays/embeddings.npy",
        "To fine-tune the first few, and see:",
        "    snakemake rank_verify --cores all --config images=stamps",
    ]


def test_what_was_best_when_fine_tuned_is_what_to_use():
    steps = next_steps(verified())
    assert steps.startswith(f"To use {LITE.format(0)} in Python:") and "rank_verify" not in steps
    assert "network = load('results/rank/stamps/verified')" in steps


def test_nothing_is_to_be_used_that_the_answer_does_not_recommend():
    made = ranking()
    made["evidence"]["verdict"] = "guessing"
    assert "basemodel" not in next_steps(made) and "rank_verify" in next_steps(made)
    assert next_steps(unlabelled()) == next_steps(nothing()) == ""


def test_embeddings_cannot_be_loaded_or_fine_tuned():
    made = ranking()
    for each in made["candidates"]:
        each["python"] = None
    assert "embeddings.npy" in next_steps(made)
    assert "basemodel" not in next_steps(made) and "rank_verify" not in next_steps(made)


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
    assert text.endswith("\n") and len(terminal(without_failures(made)).split("\n")) <= 20
    assert max(map(columns_of, text.split("\n"))) <= 100
    assert page(made).count("<script") == 1


@pytest.mark.parametrize(
    ("licence", "mark"),
    [("cc-by-nc-4.0", "non-commercial"), ("dinov3-license", "own terms"), ("mit", "")],
)
def test_a_licence_that_forbids_what_a_user_may_want_is_marked_in_the_answer(licence, mark):
    found = clear_leader()
    found["candidates"][0]["licence"] = licence
    answer, html = terminal(found), page(found)
    name = found["candidates"][0]["name"]
    assert (f"Start from {name} (licence: {mark}):" if mark else f"Start from {name}:") in (
        " ".join(answer.replace("\u00a0", " ").split())
    )
    [row] = [line for line in answer.splitlines() if line.startswith("  1 ")]
    assert row.endswith(f" {mark or licence}") and len(row) <= 100
    assert not mark or f"{licence} ({mark})" in html
