"""Which candidates go on, which may be the best, and what following the score would have cost."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, r2_score

from basemodel.selection.quality import sample, value
from basemodel.selection.rounds import PASSES, decide, plan, seconds, shortlist
from basemodel.selection.verify import verified
from basemodel.statistics.possible_best import compare, difference
from projects import ROOT

CHECKED = [{"file": f"{number}.png", "label": 1} for number in range(40)]
TESTS = [{"file": f"t{number}.png", "label": 1} for number in range(100)]


def answers(right, images=40, start=0):
    """So many images right, from `start` on, of those whose label is 1."""
    return [int(start <= number < start + right) for number in range(images)]


def result(slug, right, seed=0, images=40, **more):
    digits = answers(right, images)
    return {"slug": slug, "candidate": f"timm:{slug}", "seed": seed, "failed": None, "remedy": None,
            "value": sum(digits) / images, "answers": digits, "optimizer": "sgd", "rate": 0.01,
            "seconds": 60.0} | more  # fmt: skip


def failure(slug, seed=0):
    return {"slug": slug, "candidate": f"timm:{slug}", "seed": seed,
            "failed": "out of memory", "remedy": "leave it out"}  # fmt: skip


def decided(*results, spent=0, most=5, budget=20):
    by_slug = {}
    for each in results:
        by_slug.setdefault(each["slug"], []).append(each)
    return decide([*by_slug], by_slug, CHECKED, "classes", spent, most, budget)


def plain(text):
    return text.replace("\u00a0", " ")


def test_what_is_clearly_worse_is_dropped():
    found = decided(result("a", 38), result("b", 36), result("c", 10), spent=6)
    assert (found["left"], found["dropped"], found["best"]) == (["a", "b"], ["c"], "a")
    assert (found["round"], found["stop"]) == (1, "")


@pytest.mark.parametrize(
    ("given", "stop"),
    [({"most": 1}, "1 rounds"), ({"budget": 7}, "the budget of 7"), ({"budget": 8}, "")],
)
def test_the_rounds_end(given, stop):
    assert decided(result("a", 38), result("b", 36), spent=6, **given)["stop"] == stop


def test_they_end_when_one_is_left():
    assert decided(result("a", 38), result("b", 3))["stop"] == "one is left"


def test_a_candidate_that_failed_with_one_seed_is_out():
    found = decided(result("a", 38), result("a", 36, 1), result("b", 36), failure("b", 1))
    assert found["failed"] == {"b": "out of memory"}
    assert (found["left"], found["stop"]) == (["a"], "one is left")
    none = decided(failure("a"), failure("b"))
    assert (none["best"], none["left"], none["stop"]) == (None, [], "none is left")


def test_of_the_best_the_best_seed_is_kept():
    found = decided(result("a", 30), result("a", 36, 1), result("b", 31), result("b", 32, 1))
    assert (found["best"], found["seed"]) == ("a", 1)


@pytest.mark.parametrize(
    ("static", "k", "budget", "expected"),
    [("c", 2, 20, "abc"), ("a", 2, 20, "ab"), (None, 2, 20, "ab"), ("z", 1, 20, "az"),
     ("b", 9, 20, "abc"), ("c", 2, 4, "ab")],
)  # fmt: skip
def test_the_shortlist(static, k, budget, expected):
    assert shortlist(["a", "b", "c"], static, k, budget) == list(expected)


def test_the_time_is_told_beforehand():
    settings = {"trainable": "all", "epochs": 10}
    assert seconds([10, None], 100, 20, settings) is None
    slow, fast = seconds([10, 100], 100, 20, settings)
    assert slow == pytest.approx(10 * fast) == (PASSES * 10 * 100 + 20) / 10
    assert seconds([10], 100, 20, {**settings, "trainable": "last"}) == [12]
    none = "fine-tunes 1 candidates: 2 fine-tunings, then at most 0 more"
    assert plan(None, None, 1, 5, 20, jobs=2) == none


@pytest.mark.parametrize(
    ("seconds", "jobs", "expected"),
    [
        ([150, 150, 150, 150], 1, "about 10 min, at most 25 min, one at a time"),
        ([150, 150, 150, 150], 2, "about 5 min, at most 12 min, 2 at a time"),
        # As long as the longest, however many run at once.
        ([600, 30, 30, 30], 9, "about 10 min, at most 25 min, 4 at a time"),
    ],
)
def test_jobs_that_run_at_once_take_less_time(seconds, jobs, expected):
    once = [each / 2 for each in seconds]
    said = plain(plan(seconds, once, candidates=4, rounds=5, budget=20, jobs=jobs))
    start = "8 fine-tunings, then at most 12 more"
    assert said.endswith(f"{start}; {expected}, if nothing else runs")


def report(final, tests, order=("a", "b", "c"), static="c", first=None, **more):
    """Of one or more rounds, each a list of results; tests: numbers of right answers, by slug."""
    rounds, spent, every = [], 0, []
    for results in final:
        every += results
        names = list(dict.fromkeys(each["slug"] for each in results))
        spent += len(names) * (1 if rounds else 2)
        so_far = [each for each in every if each["slug"] in names]
        rounds.append(decided(*so_far, spent=spent, most=len(final)))
    given = {"slugs": [*order], "first": first or order[0], "static": static}
    told = [{"slug": slug, "answers": [answers(n, 100) for n in of]} for slug, of in tests.items()]
    return verified(given, rounds, every, told, TESTS, "classes", order, **more)


A, B, C = result("a", 36), result("b", 38), result("c", 8)


def test_by_hand():
    second = [result("a", 36, 1), result("b", 38, 1)]
    found = report([[A, B, C], second], {"a": [70, 72], "b": [90, 92], "c": [30]})
    assert [(row["slug"], row["why"]) for row in found["rows"]] == [
        ("a", "1st by linear probe"),
        ("b", "2nd by linear probe"),
        (
            "c",
            "3rd by linear probe, 1st by parameters; worse on the validation images after round 1",
        ),
    ]
    assert found["rows"][0]["accuracies"] == [0.7, 0.72]
    assert [row["mean"] for row in found["rows"]] == pytest.approx([0.71, 0.91, 0.3])
    assert [row["possible_best"] for row in found["rows"]] == [False, True, False]
    assert found["difference"] == found["regret"] == pytest.approx(0.2)
    assert 0 < found["low"] < 0.2 < found["high"]
    assert (found["best"], found["fine_tunings"], found["seconds"]) == ("b", 8, 300)
    said = plain(found["sentence"])
    assert said.startswith(
        "timm:b, the 2nd by linear probe, is the best of 3 after fine-tuning: 91.0 % on the test "
        "images ("
    )
    assert "Following the linear probe to timm:a would have cost 20.0 points (" in said
    assert "; timm:c, the 3rd by linear probe and the 1st by parameters, lost 61.0 points. " in said
    assert said.endswith(" Worse on the validation images: timm:c. 8 fine-tunings took 5 min.")


def test_what_validation_and_test_cannot_tell_apart_is_said():
    found = report([[A, B]], {"a": [70], "b": [68]}, order="ab", static=None)
    said = plain(found["sentence"])
    assert said.startswith(
        "Either may be the best after fine-tuning: timm:b or timm:a. timm:b, the 2nd by linear "
        "probe, was chosen on the validation images: 68.0 % on the test images ("
    )
    assert found["difference"] == pytest.approx(-0.02) and found["regret"] == 0


def test_the_first_choice_was_best():
    found = report([[B, A]], {"a": [60], "b": [90]}, order="ba", static="b", by="kNN")
    assert found["difference"] == pytest.approx(-0.3) and found["regret"] == 0
    said = plain(found["sentence"])
    assert "the 1st by kNN and the 1st by parameters, is the best of 2" in said
    assert "It is 30.0 points ahead of the next (" in said
    assert "following the kNN cost nothing" in said


def test_without_the_first_choice_there_is_no_regret():
    found = report([[failure("a"), B, C]], {"b": [90], "c": [30]})
    assert [found[name] for name in ("regret", "difference", "low", "high")] == [None] * 4
    assert found["rows"][0]["why"].endswith("; failed: out of memory; leave it out")
    assert ". timm:a failed (out of memory; leave it out). " in found["sentence"]


def test_one_left_and_none_left():
    found = report([[A, failure("b")]], {"a": [75]}, order="ab", static=None)
    assert plain(found["sentence"]).startswith("Only timm:a was fine-tuned: 75.0 % on the test")
    none = report([[failure("a"), failure("b")]], {}, order="ab", static=None)
    assert none["sentence"].startswith("None of the 2 could be fine-tuned: timm:a failed (out of")
    assert none["best"] is None


def test_embeddings_are_left_out_and_named():
    fixed = {"e": "embeddings:mine", "z": "embeddings:poor"}
    found = report([[A, B]], {"a": [70], "b": [68]}, order="ab", static="a")
    given = {"slugs": ["a", "b"], "first": "a", "static": "a"}
    rounds = [decided(A, B, spent=4, most=1)]
    told = [{"slug": slug, "answers": [answers(70, 100)]} for slug in "ab"]
    found = verified(given, rounds, [A, B], told, TESTS, "classes", [*"eabz"], fixed=fixed)
    titles = ["2nd by linear probe, 1st by parameters", "3rd by linear probe"]
    assert [row["why"] for row in found["rows"]] == titles
    assert found["sentence"].endswith(
        ". Left out, as embeddings cannot be fine-tuned: embeddings:mine."
    )


# What is compared


def test_one_seed_is_the_paired_comparison_of_mcnemar():
    """30 images that only one gets right and 10 that only the other does, of 400; and the variance
    between seeds that is assumed."""
    one, other = np.ones(400, int), np.ones(400, int)
    other[:30], one[30:40] = 0, 0
    found = difference(sample("classes", [[one], [other]], np.ones(400, int)), 0, 1)
    error = np.sqrt((40 - 20**2 / 400) / 400**2 * 400 / 399 + 2 * 0.02**2)
    reach = stats.t.ppf(0.975, 399) * error + 1 / 400
    assert found == pytest.approx((0.05, 0.05 - reach, 0.05 + reach))


def test_seeds_that_are_right_for_all_images_or_for_none_vary_by_themselves():
    one = [np.full(30, seed % 2) for seed in range(40)]
    found = sample("classes", [one, [np.ones(30)] * 40], np.ones(30))
    expected = (40 * 0.25 + 2 * 0.02**2) / (2 + 78) / 40
    assert found.own == pytest.approx([expected] * 2)
    np.testing.assert_allclose(found.influence, 0, atol=1e-12)


def test_seeds_that_differ_by_chance_alone_add_nothing():
    """What is peculiar to an image and a seed counts once, with the images."""
    rng = np.random.default_rng(0)
    right = (rng.random((2, 5, 400)) < 0.7).astype(int)
    found = sample("classes", right, np.ones(400, int))
    assert (found.own < 0.02**2 / 2).all()


def test_groups_count_once():
    right = (np.random.default_rng(0).random((2, 3, 40)) < 0.7).astype(int)
    one = sample("classes", right, np.ones(40))
    ten = sample("classes", right.repeat(10, 2), np.ones(400), np.arange(400) // 10)
    np.testing.assert_allclose(ten.influence, one.influence, atol=1e-12)
    assert compare(ten, 0).possible_best.tolist() == compare(one, 0).possible_best.tolist()


def test_values_of_tags_and_numbers():
    rng = np.random.default_rng(0)
    labels = [[0], [1], [0, 1], [], [1], [0]]
    scores = rng.random((6, 3))
    known = [[1, 0], [0, 1], [1, 1], [0, 0], [0, 1], [1, 0]]
    expected = average_precision_score(known, scores[:, :2], average="macro")
    assert value("tags", scores.tolist(), labels) == pytest.approx(expected)
    assert value("number", [1, 2, 4.5], [1, 2, 4]) == pytest.approx(
        r2_score([1, 2, 4], [1, 2, 4.5])
    )


@pytest.mark.parametrize("task", ["tags", "number"])
def test_the_interval_of_a_difference_covers_what_other_images_give(task):
    """Two models of which one sees the truth through more noise."""

    def drawn(rng, n):
        truth = rng.standard_normal((n, 3))
        noisy = [truth + s * rng.standard_normal((n, 3)) for s in (0.7, 0.9)]
        if task == "number":
            return [[x[:, 0]] for x in noisy], truth[:, 0]
        return [[x] for x in noisy], [np.flatnonzero(row > 0.5).tolist() for row in truth]

    rng = np.random.default_rng(1)
    many, labels = drawn(rng, 20_000)
    true = value(task, many[0][0], labels) - value(task, many[1][0], labels)
    hits = 0
    for _ in range(20):
        of_models, labels = drawn(rng, 120)
        _, low, high = difference(sample(task, of_models, labels), 0, 1)
        hits += low <= true <= high
    assert stats.binom.cdf(hits, 20, 0.94) > 1e-3


# By simulation


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import fine_tuning

    return fine_tuning


@pytest.mark.parametrize("taken", [(1, 1), (3, 3), (5, 1)])
def test_intervals_cover_new_images_and_seeds(benchmark, taken):
    simulations = 150
    one, own, _ = benchmark.covered(simulations, 100, taken, seeds=0.1)
    for share in (one, own):
        assert stats.binom.cdf(round(simulations * share), simulations, 0.94) > 1e-3


def test_the_best_is_rarely_dropped_and_the_chosen_one_is_not_overrated(benchmark):
    simulations = 60
    dropped, own, lost, _ = benchmark.chosen(simulations, 100, [1.2, 1.0, 0.9, 0.8], 0.1)
    assert stats.binom.sf(round(simulations * dropped) - 1, simulations, 0.05) > 1e-3
    assert stats.binom.cdf(round(simulations * own), simulations, 0.94) > 1e-3
    assert lost < 0.02
