"""What following the score would have cost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel.rank.verify import compare_shortlist, interval, shortlist


def results(slug, *correct):
    """One result per seed, from the digits of its test images."""
    return [
        {"slug": slug, "candidate": f"timm:{slug}", "seed": seed, "failed": None, "remedy": None,
         "accuracy": digits.count("1") / len(digits), "correct": digits}
        for seed, digits in enumerate(correct)
    ]  # fmt: skip


def failure(slug, seed=0):
    return {"slug": slug, "candidate": f"timm:{slug}", "seed": seed,
            "failed": "out of memory", "remedy": "leave it out"}  # fmt: skip


A = results("a", "1111111000", "1111111100")  # 0.75
B = results("b", "1111111110", "1111111100")  # 0.85
C = results("c", "1111110000", "1111110000")  # 0.6


def plain(text):
    return text.replace("\u00a0", " ")


def test_by_hand():
    found = compare_shortlist(["a", "b", "c"], "c", C + B[::-1] + A, k=2)
    assert [(row["slug"], row["why"]) for row in found["rows"]] == [
        ("a", "1st by linear probe"),
        ("b", "2nd by linear probe"),
        ("c", "3rd by linear probe, 1st by parameters"),
    ]
    assert [row["name"] for row in found["rows"]] == ["timm:a", "timm:b", "timm:c"]
    assert found["rows"][1]["accuracies"] == [0.9, 0.8]
    assert [row["mean"] for row in found["rows"]] == pytest.approx([0.75, 0.85, 0.6])
    assert found["difference"] == found["regret"] == pytest.approx(0.1)
    assert found["low"] <= 0.1 <= found["high"]
    said = plain(found["sentence"])
    assert said.startswith(
        "Of the 3 that were fine-tuned with 2 seeds, timm:b, the 2nd by linear probe, was best "
        "(85.0 %); timm:a, the 1st by linear probe, lost 10.0 points ("
    )
    assert said.endswith(
        "); timm:c, the 3rd by linear probe and the 1st by parameters, lost 25.0 points."
    )


def test_embeddings_are_left_out_and_named():
    fixed = {"e": "embeddings:mine", "z": "embeddings:poor"}
    found = compare_shortlist(["e", "a", "b", "c", "z"], "a", A + B, k=2, fixed=fixed)
    titles = ["2nd by linear probe, 1st by parameters", "3rd by linear probe"]
    assert [row["why"] for row in found["rows"]] == titles
    assert found["sentence"].endswith(
        ". Left out, as embeddings cannot be fine-tuned: embeddings:mine."
    )


def test_the_first_choice_was_best():
    found = compare_shortlist(
        ["b", "a"], "b", A + B, k=2, by="kNN", static_by="accuracy on ImageNet"
    )
    assert found["difference"] == pytest.approx(-0.1)
    assert found["regret"] == 0
    assert found["low"] <= -0.1 <= found["high"]
    said = plain(found["sentence"])
    assert said.startswith(
        "Of the 2 that were fine-tuned with 2 seeds, timm:b, the 1st by kNN and the 1st by "
        "accuracy on ImageNet, was best (85.0 %), 10.0 points ahead of the next ("
    )


def test_signs_and_minus_zero():
    ahead, behind = "1" * 60 + "0" * 40, "0" * 20 + "1" * 60 + "0" * 20
    found = compare_shortlist(["a", "b"], None, results("a", behind) + results("b", ahead), k=2)
    assert found["regret"] == 0
    assert "1 seed," in found["sentence"]
    assert "0.0 points ahead of the next (−" in plain(found["sentence"])
    same = compare_shortlist(["a", "b"], None, results("a", ahead) + results("b", ahead), k=2)
    assert plain(same["sentence"]).endswith("(60.0 %), 0.0 points ahead of the next (0.0 to 0.0).")


def test_a_candidate_that_failed_with_one_seed_is_not_compared():
    found = compare_shortlist(["a", "b", "c"], None, [*A, B[0], failure("b", seed=1), *C], k=3)
    assert found["difference"] == pytest.approx(-0.15)
    row = found["rows"][1]
    assert (row["accuracies"], row["mean"]) == ([0.9], None)
    assert row["why"] == "2nd by linear probe; failed: out of memory; leave it out"
    assert found["sentence"].startswith("Of the 2 that")
    assert found["sentence"].endswith(". timm:b failed (out of memory; leave it out).")


def test_without_the_first_choice_there_is_no_regret():
    found = compare_shortlist(["a", "b", "c"], None, [failure("a"), *B, *C], k=3)
    assert [found[name] for name in ("regret", "difference", "low", "high")] == [None] * 4
    assert plain(found["sentence"]).endswith(
        "timm:b, the 2nd by linear probe, was best (85.0 %). "
        "timm:a failed (out of memory; leave it out)."
    )


def test_with_one_left_there_is_nothing_to_compare():
    found = compare_shortlist(["a", "b"], None, [*A, failure("b")], k=2)
    assert found["regret"] is None
    assert plain(found["sentence"]).startswith("Only timm:a was fine-tuned, with 2 seeds (75.0 %)")
    none = compare_shortlist(["a", "b"], None, [failure("a"), failure("b")], k=2)
    assert none["regret"] is None
    assert none["sentence"].startswith("None of the 2 could be fine-tuned: timm:a failed (out of")


def test_results_that_do_not_belong_together():
    with pytest.raises(ValueError, match="b is on the shortlist and was not fine-tuned"):
        compare_shortlist(["a", "b"], None, A, k=2)
    with pytest.raises(ValueError, match="different numbers of test images"):
        compare_shortlist(["a", "b"], None, A + results("b", "11", "10"), k=2)
    with pytest.raises(ValueError, match="different numbers of test images"):
        compare_shortlist(["a"], None, results("a", "11", "100"), k=1)


def test_others_are_ignored():
    assert compare_shortlist(["a", "b", "c"], None, A + B + C, 2) == compare_shortlist(
        ["a", "b"], None, A + B, 2
    )


@pytest.mark.parametrize(
    ("static", "k", "expected"),
    [("c", 2, "abc"), ("a", 2, "ab"), (None, 2, "ab"), ("z", 1, "az"), ("b", 9, "abc")],
)
def test_the_shortlist(static, k, expected):
    assert shortlist(["a", "b", "c"], static, k) == list(expected)


def test_images_are_paired():
    one = np.random.default_rng(0).random((1, 50)) < 0.6
    assert interval(one, one) == (0, 0)


def test_one_seed_is_the_paired_comparison_of_mcnemar():
    """30 images that only one gets right and 10 that only the other does, of 400."""
    one, other = np.ones((1, 400), bool), np.ones((1, 400), bool)
    other[0, :30], one[0, 30:40] = False, False
    error = np.sqrt(40 - 20**2 / 400) / 400
    assert interval(one, other) == pytest.approx(
        (0.05 - 1.96 * error, 0.05 + 1.96 * error), abs=0.004
    )


def test_seeds_count_with_their_unbiased_variance():
    """Seeds that are right for all images or for none: their mean alone varies."""
    one = np.repeat(np.arange(40) % 2 == 0, 30).reshape(40, 30)
    other = np.ones((40, 30), bool)
    error = np.sqrt(one[:, 0].var(ddof=1) / 40)
    low, high = interval(one, other)
    assert (low, high) == pytest.approx((-0.5 - 1.96 * error, -0.5 + 1.96 * error), abs=0.03)


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 4), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_intervals_are_repeated_exactly_and_lie_between_bounds(seeds, tests, seed):
    one, other = np.random.default_rng(seed).random((2, seeds, tests)) < 0.5
    low, high = interval(one, other, "x")
    assert -1 <= low <= high <= 1
    assert interval(one, other, "x") == (low, high)
