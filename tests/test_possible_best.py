"""Who may be the best, and how sure that is. What simulations show at length is in
benchmarks/intervals.py; here are the cells that a wrong formula would spoil first."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from basemodel.metrics.LinearProbe import predict
from basemodel.statistics.possible_best import RETRAINING, accuracies, compare


def answers(*accuracies: float, seed: int = 0, n: int = 100) -> np.ndarray:
    """Independent answers of models with these probabilities to be right."""
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(len(accuracies), n)) < np.array(accuracies)[:, None]


def found(correct: np.ndarray, seed: int = 0, **sample):
    return compare(accuracies(correct, **sample), seed)


def test_a_clear_leader_is_the_only_possible_best():
    result = found(answers(0.5, 0.95, 0.1))
    assert list(result.order) == [1, 0, 2]
    assert list(result.possible_best) == [False, True, False]
    assert result.behind_low[0] > 0 and result.behind[1] == result.behind_low[1] == 0
    assert result.leader == pytest.approx(result.value[1], abs=1e-6)


def test_models_with_the_same_answers_are_never_apart():
    one, other = answers(0.9, 0.3)
    result = found(np.stack([one, one, other]))
    assert list(result.possible_best) == [True, True, False]
    alone = found(np.stack([one, other]))
    np.testing.assert_allclose(result.value[[0, 2]], alone.value)
    same = found(np.stack([one, one, one]))
    assert same.possible_best.all() and (same.behind_high == 0).all() and np.isnan(same.shown)


def test_ties_keep_the_order_given():
    right = np.zeros((3, 100), bool)
    right[0, :50] = right[1, 50:] = right[2, ::2] = True
    assert list(found(right).order) == [0, 1, 2]


@pytest.mark.parametrize("right, wrong", [(3, 0), (5, 0), (6, 1)])
def test_few_images_that_differ_rule_nobody_out(right, wrong):
    """Where the sign test finds nothing: 3, 5 and 6 to 1 images."""
    assert stats.binomtest(right, right + wrong).pvalue > 0.05
    correct = np.zeros((2, 6 if right == 3 else 40), bool)
    correct[0, :right] = True
    correct[1, right : right + wrong] = True
    assert found(correct).possible_best.all()


@pytest.mark.parametrize("n", [10, 30, 60])
def test_all_right_is_not_certainly_perfect(n):
    """Jeffreys' interval of (n - 1) / RETRAINING images, all right, by SciPy."""
    result = found(np.ones((1, n), bool))
    assert result.high[0] == 1
    low = stats.beta((n - 1) / RETRAINING + 0.5, 0.5).ppf(0.025)
    assert result.low[0] == pytest.approx(low) and 0.6 < low < 0.97


def test_one_model_of_independent_images_has_jeffreys_interval_with_fewer_images():
    correct = np.arange(100)[None] < 80
    result = found(correct)
    n = 99 / RETRAINING  # the unbiased variance has 99 of 100
    low, high = stats.beta(0.8 * n + 0.5, 0.2 * n + 0.5).ppf([0.025, 0.975])
    assert result.low[0] == pytest.approx(low) and result.high[0] == pytest.approx(high)


def test_copies_count_once():
    """Ten copies of each image say no more than the images, if their groups are known."""
    correct = answers(0.8, 0.6, n=40)
    ten = np.repeat(correct, 10, axis=1)
    one, grouped = found(correct), found(ten, groups=np.repeat(np.arange(40), 10))
    for name in ("value", "low", "high", "leader", "behind_low", "behind_high", "shown"):
        np.testing.assert_allclose(getattr(grouped, name), getattr(one, name), atol=1e-12)
    assert (found(ten).high - found(ten).low < one.high - one.low).all()


def test_groups_need_names_only():
    correct = answers(0.8, 0.6, n=60)
    groups = np.repeat(np.arange(20), 3)
    named = np.array([f"animal {g}" for g in groups])
    one, other = found(correct, groups=groups), found(correct, groups=named)
    np.testing.assert_array_equal(one.low.round(9), other.low.round(9))
    with pytest.raises(ValueError, match="1 group of images"):
        found(correct, groups=np.zeros(60))


def test_weights_are_those_of_the_users_proportions():
    """A class that is nine tenths of the folder and half of the probe counts nine tenths."""
    correct = np.array([[True] * 50 + [False] * 50])
    weights = np.repeat([0.9, 0.1], 50)
    assert found(correct, weights=weights).value[0] == pytest.approx(0.9)


def test_the_leader_is_corrected_for_being_chosen():
    """Of twenty equal models the best seems 8 points better than it is; corrected, about 0.

    (Less, because these answers are no probe's, that would be trained again.)"""
    raw, corrected, covered = [], [], []
    for seed in range(60):
        result = found(answers(*[0.7] * 20, seed=seed, n=100), seed)
        leader = result.order[0]
        raw.append(result.value[leader] - 0.7)
        corrected.append(result.leader - 0.7)
        covered.append(result.low[leader] <= 0.7 <= result.high[leader])
    assert np.mean(raw) > 0.07 and -0.04 < np.mean(corrected) < 0.02
    assert np.mean(covered) >= 0.93


def test_the_best_is_rarely_ruled_out():
    """A truly best model: at most 5 % by the method, here in 150 draws of 8 equal ones."""
    out = [
        (~found(answers(*[0.7] * 8, seed=seed), seed).possible_best).mean() for seed in range(150)
    ]
    assert np.mean(out) < 0.03


def test_trained_again_equal_models_are_rarely_called_different():
    """Two views of the same images, drawn and trained on anew: 5 % of the time at most."""
    rng, apart, labels = np.random.default_rng(0), [], np.repeat(np.arange(10), 10)
    means = 3.3 * np.eye(10, 128)[labels]
    for seed in range(120):
        views = [means + rng.standard_normal((100, 128)) for _ in range(2)]
        correct = np.array([predict(view, labels) == labels for view in views])
        apart.append(not found(correct, seed).possible_best.all())
    assert 0.3 < correct.mean() < 0.95
    assert np.mean(apart) <= 0.06


@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_intervals_hold_their_values(images, models, seed):
    correct = np.random.default_rng(seed).integers(0, 2, (models, images)).astype(bool)
    result = found(correct, seed)
    assert (result.low >= 0).all() and (result.low <= result.value + 1e-9).all()
    assert (result.value <= result.high + 1e-9).all() and (result.high <= 1).all()
    assert result.possible_best[result.order[0]]
    assert (result.behind_low <= result.behind + 1e-9).all()
    assert (result.behind <= result.behind_high + 1e-9).all()
    assert (
        result.low[result.order[0]] <= result.leader + 1e-9 <= result.high[result.order[0]] + 2e-9
    )


def test_five_hundred_models_fit_into_little_memory():
    correct = answers(*np.linspace(0.6, 0.8, 500), n=300)
    tracemalloc.start()
    result = found(correct)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6
    assert 0 < result.possible_best.sum() < 500
