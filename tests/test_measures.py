"""Average precision, R² and Spearman's ρ: scikit-learn's and SciPy's values, with and without each
group; what the probes of tags and numbers have seen; and what the intervals hold."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from sklearn.metrics import average_precision_score, mean_absolute_error, r2_score

from basemodel.metrics import LinearProbe, LogME, kNN
from basemodel.metrics._embeddings import strata
from basemodel.statistics import measures
from basemodel.statistics.measures import (
    average_precision,
    macro_average_precision,
    r_squared,
    rank_correlation,
)
from basemodel.statistics.possible_best import compare, intervals

N, GROUPS = 60, 20


@pytest.fixture(params=[2**21, 500], ids=["at once", "in blocks"])
def block(request, monkeypatch):
    monkeypatch.setattr(measures, "BLOCK", request.param)


def without(statistic, groups):
    """The influence of each group, by leaving it out."""
    left = np.array([statistic(groups != group) for group in np.unique(groups)])
    return (len(left) - 1) / len(left) * (left.mean() - left)


def test_macro_average_precision_is_scikit_learns(block):
    rng = np.random.default_rng(0)
    tags = (rng.uniform(size=(N, 3)) < [0.5, 0.3, 0.2]).astype(float)
    outputs = np.round(tags + rng.normal(size=(2, N, 3)), 1)  # with ties
    groups = rng.integers(0, GROUPS, N)
    found = macro_average_precision(outputs, tags, groups)
    for i, each in enumerate(outputs):

        def by_sklearn(kept, each=each):
            return average_precision_score(tags[kept], each[kept], average="macro")

        assert found.value[i] == pytest.approx(by_sklearn(groups >= 0))
        np.testing.assert_allclose(found.influence[i], without(by_sklearn, groups), atol=1e-12)
    one = average_precision(np.array([0.9, 0.8, 0.1]), np.array([1, 0, 1]))
    assert one == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize(
    ("measure", "by_others"),
    [
        (r_squared, r2_score),
        (measures.mean_absolute_error, mean_absolute_error),
        (rank_correlation, lambda y, outputs: spearmanr(y, outputs)[0]),
    ],
)
def test_measures_of_numbers_are_those_of_others(block, measure, by_others):
    rng = np.random.default_rng(1)
    numbers = np.round(100 + 3 * rng.normal(size=N))
    outputs = np.round(numbers + rng.normal(size=(2, N)))
    groups = rng.integers(0, GROUPS, N)
    found = measure(outputs, numbers, groups)
    for i, each in enumerate(outputs):
        assert found.value[i] == pytest.approx(by_others(numbers, each))
        expected = without(lambda kept, each=each: by_others(numbers[kept], each[kept]), groups)
        np.testing.assert_allclose(found.influence[i], expected, atol=1e-12)


def test_a_tag_of_one_group_is_as_it_is_without_that_group():
    tags = np.zeros((6, 1))
    tags[:2] = 1
    outputs = np.arange(6.0)[None, ::-1, None]
    found = macro_average_precision(outputs, tags, [0, 0, 1, 2, 3, 4])
    assert found.value[0] == 1 and (found.influence == 0).all()


def test_a_perfect_order_is_not_certainly_perfect():
    tags = np.arange(30)[:, None] % 2
    low, high = intervals(macro_average_precision(tags[None].astype(float), tags))
    assert 0.7 < low[0] < 0.95 and high[0] == 1


def number_data(rng, n=N, features=12, strength=1.0):
    numbers = rng.normal(size=(n, 1))
    return rng.normal(size=(n, features)) + strength * numbers, numbers


def test_outputs_are_those_of_ridge_regression_without_the_fold(monkeypatch):
    monkeypatch.setattr(LinearProbe, "PENALTIES", (0.1,))
    x, numbers = number_data(np.random.default_rng(2))
    numbers = 1e-6 * numbers + 40  # units do not matter
    fold = np.empty(N, int)
    for stratum in np.unique(strata(numbers)):
        fold[strata(numbers) == stratum] = range(5)
    expected = np.empty(N)
    centred = x - x.mean(axis=0)
    for f in range(5):
        ridge = Ridge(alpha=0.1 * (centred**2).sum() / N).fit(x[fold != f], numbers[fold != f])
        expected[fold == f] = ridge.predict(x[fold == f]).ravel()
    found = LinearProbe.outputs(x.astype("f8"), numbers)
    np.testing.assert_allclose(found.ravel() - 40, expected - 40, rtol=1e-6, atol=1e-10)


def test_neighbours_give_their_mean():
    x = np.array([[1, 0.01 * i] for i in range(7)])
    found = kNN.outputs(x, np.arange(7.0)[:, None])
    assert found[0, 0] == pytest.approx(3)  # 1, …, 5
    groups = np.array([0, 0, 0, 1, 1, 1, 1])
    assert kNN.outputs(x, np.arange(7.0)[:, None], groups)[0, 0] == pytest.approx(4.5)


@pytest.mark.parametrize("metric", [LinearProbe, kNN])
def test_what_is_held_out_is_not_seen(metric):
    """Twins in one group tell nothing of each other; if they are not known to be twins, they do."""
    rng = np.random.default_rng(3)
    x, numbers = (
        np.repeat(each, 2, axis=0) for each in (rng.normal(size=(30, 40)), rng.normal(size=(30, 1)))
    )
    twins = np.arange(60) // 2
    known = r_squared(metric.outputs(x, numbers, twins).T, numbers[:, 0]).value[0]
    unknown = r_squared(metric.outputs(x, numbers).T, numbers[:, 0]).value[0]
    assert known < 0.1 < unknown
    assert np.isnan(metric.outputs(x, numbers, np.zeros(60, int))).all()


def test_two_groups_are_never_in_one_fold():
    x, numbers = number_data(np.random.default_rng(4))
    for groups in (np.arange(N) % 2, (numbers[:, 0] > 0).astype(int)):
        assert np.isfinite(LinearProbe.outputs(x, numbers, groups)).all()


def test_evidence_of_tags_is_that_of_classes_and_of_numbers_knows_no_unit():
    x, numbers = number_data(np.random.default_rng(5))
    labels = (numbers[:, 0] > 0).astype(int)
    both = np.eye(2)[labels]
    assert LogME.evidence(x, both) == pytest.approx(LogME.compute(x, labels)["value"])
    assert LogME.evidence(x, numbers) == pytest.approx(LogME.evidence(x, 9 * numbers - 50))
    worse, _ = number_data(np.random.default_rng(6))
    assert LogME.evidence(x, numbers) > LogME.evidence(worse, numbers)


@pytest.mark.parametrize("metric", [LinearProbe.outputs, kNN.outputs, LogME.evidence])
@pytest.mark.parametrize("targets", [np.zeros((5, 1)), np.zeros(9), np.full((9, 2), np.nan)])
def test_targets_that_do_not_fit_are_an_error(metric, targets):
    with pytest.raises(ValueError, match="targets"):
        metric(np.ones((9, 3)), targets)


def drawn(task, rng, models, n=60):
    """Samples of equal models, whose probes are trained on another draw of images each time."""
    if task == "tags":
        known = (rng.uniform(size=(n, 3)) < [0.5, 0.3, 0.2]).astype(float)
        known[:15] = np.tile(np.eye(3), (5, 1))  # every tag five times
        signal = 3 * known @ np.eye(3, 16)
    else:
        known = rng.normal(size=(n, 1))
        signal = 0.5 * known
    common, outputs = rng.normal(size=(n, 16)), []
    for _ in range(models):
        x = np.sqrt(0.5) * (common + rng.normal(size=(n, 16))) + signal
        outputs.append(LinearProbe.outputs(x, known))
    outputs = np.array(outputs)
    if task == "tags":
        return macro_average_precision(outputs, known)
    measure = r_squared if task == "number" else rank_correlation
    return measure(outputs[..., 0], known[:, 0])


@pytest.mark.parametrize("task", ["tags", "number", "order"])
def test_intervals_hold_what_a_probe_trained_again_gets(task):
    rng = np.random.default_rng(7)
    samples = [drawn(task, rng, 3) for _ in range(100)]
    truth = np.mean([sample.value for sample in samples])
    assert 0.6 < truth < 0.95
    covered = []
    for sample in samples:
        low, high = intervals(sample)
        covered += list((low <= truth) & (truth <= high))
    assert np.mean(covered) >= 0.93
    answers = [compare(sample, seed) for seed, sample in enumerate(samples[:60])]
    assert np.mean([(~answer.possible_best).mean() for answer in answers]) <= 0.06
    leads = [(a.low[a.order[0]], a.high[a.order[0]]) for a in answers]
    assert np.mean([low <= truth <= high for low, high in leads]) >= 0.93
