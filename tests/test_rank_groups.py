"""Which candidates differ significantly, and how sure that is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel.rank.groups import compare
from basemodel.statistics.bootstrap import IMAGE_RESAMPLES, resample_images

LABELS = np.repeat(np.arange(4), 25)


def answers(*accuracies: float, seed: int = 0, n: int = 100) -> np.ndarray:
    """Independent answers of candidates with these probabilities to be right."""
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(len(accuracies), n)) < np.array(accuracies)[:, None]


def test_a_clear_leader_is_alone_in_group_1():
    found = compare(answers(0.5, 0.95, 0.1), LABELS, 0)
    assert list(found.order) == [1, 0, 2]
    assert list(found.group) == [2, 1, 3]
    assert found.behind[1] == 0 and found.behind_low[0] > 0


def test_equal_answers_differ_by_nothing():
    right = answers(0.7, 0.7)
    found = compare(np.stack([right[0], right[0], right[1]]), LABELS, 0)
    assert found.group[0] == found.group[1]
    if found.order[0] in (0, 1):
        assert found.behind[1] == found.behind_low[1] == found.behind_high[1] == 0


def test_ties_keep_the_order_given():
    right = np.zeros((3, 100), bool)
    right[0, :50] = right[1, 50:] = right[2, ::2] = True
    assert list(compare(right, LABELS, 0).order) == [0, 1, 2]


def test_values_are_accuracies_and_the_intervals_contain_them():
    right = answers(0.8, 0.75, 0.6)
    found = compare(right, LABELS, 0)
    np.testing.assert_allclose(found.accuracy, right.mean(axis=1))
    assert (found.low <= found.accuracy).all() and (found.accuracy <= found.high).all()
    leader = found.order[0]
    np.testing.assert_allclose(found.behind, found.accuracy[leader] - found.accuracy)
    assert (found.behind_low <= found.behind).all() and (found.behind <= found.behind_high).all()


def test_differences_are_paired():
    """Candidates that err on the same images differ by few that only one gets right."""
    base = answers(0.6)[0]
    better = base.copy()
    better[np.flatnonzero(~base)[:8]] = True
    paired = compare(np.stack([base, better]), LABELS, 0)
    rng = np.random.default_rng(3)
    apart = compare(np.stack([base, rng.permutation(better)]), LABELS, 0)
    assert paired.group[0] == 2
    assert apart.group[0] == 1 and apart.behind[0] == pytest.approx(paired.behind[0])


def test_simultaneous_intervals_hold_for_all_pairs_at_once():
    """Of 200 experiments with eight equal candidates, about 5 % call any of them worse."""
    wrong = 0
    for seed in range(200):
        found = compare(answers(*[0.7] * 8, seed=seed), LABELS, 0)
        wrong += bool((found.group > 1).any())
    assert wrong / 200 < 0.1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
@settings(max_examples=20, deadline=None)
def test_resamples_have_as_many_of_each_class(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    counts = resample_images(labels, 0)
    assert counts.shape == (IMAGE_RESAMPLES, len(labels))
    for label, size in enumerate(sizes):
        assert (counts[:, labels == label].sum(axis=1) == size).all()
