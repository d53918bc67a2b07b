"""What following a metric costs: expectations over ties, against all orders of the tied."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from basemodel.statistics.pools import Pools
from basemodel.statistics.regret import mean_regret_table, regret, regret_table

ACCURACY = np.array([0.5, 0.8, 0.6, 0.7, 0.4, 0.2])


def test_by_hand():
    found = regret(ACCURACY, np.array([9.0, 4, 8, 7, 2, 1]))
    assert found["regret_1"] == pytest.approx(30)  # took 0.5, and 0.8 was there
    assert found["regret_3"] == pytest.approx(10)  # 0.5, 0.6, 0.7
    assert found["regret_5"] == pytest.approx(0)
    assert found["relative"] == pytest.approx(0.5 / 0.8)
    assert (found["hit_1"], found["hit_3"], found["hit_5"]) == (0, 0, 1)


def test_ties_by_hand():
    # Two tie for the first place: 0.5 or 0.8, and each as often
    found = regret(ACCURACY, np.array([9.0, 9, 8, 7, 2, 1]))
    assert found["regret_1"] == pytest.approx(15) and found["hit_1"] == 0.5
    assert found["relative"] == pytest.approx(0.65 / 0.8) and found["hit_3"] == 1


def test_a_constant_or_undefined_metric_is_a_random_choice():
    constant, undefined = regret(ACCURACY, np.ones(6)), regret(ACCURACY, np.full(6, np.nan))
    assert constant == pytest.approx(undefined, nan_ok=True)
    assert constant["regret_1"] == pytest.approx(100 * (0.8 - ACCURACY.mean()))
    assert constant["hit_3"] == pytest.approx(3 / 6) and constant["hit_5"] == pytest.approx(5 / 6)
    assert np.isnan(constant["tau_w_accuracy"]) and np.isnan(constant["tau_w_symmetric"])


def test_nan_ranks_below_everything_even_minus_infinity():
    ranks = np.array([np.nan, 1, -np.inf, np.nan, 2, 3])
    expected = regret(ACCURACY, np.array([-9, 1, -2, -9, 2, 3.0]))
    assert regret(ACCURACY, ranks) == pytest.approx(expected)


ties = st.sampled_from([0.0, 1.0, 2.0])


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, 5, elements=st.sampled_from([0.1, 0.3, 0.5, 0.9])),
    arrays(np.float64, 5, elements=ties),
)
def test_expectations_are_means_over_all_ways_to_break_ties(accuracy, metric):
    found = regret(accuracy, metric)
    orders = [
        order for order in permutations(range(5)) if (np.diff(metric[list(order)]) <= 0).all()
    ]
    for k in (1, 3, 5):
        tops = [accuracy[list(order[:k])].max() for order in orders]
        best = accuracy.max()
        assert found[f"regret_{k}"] == pytest.approx(100 * (best - np.mean(tops)), abs=1e-9)
        assert found[f"hit_{k}"] == pytest.approx(np.mean(np.array(tops) == best))


def test_tau_w_by_accuracy_and_symmetric():
    metric = np.array([9.0, 4, 8, 7, 2, 1])
    by_accuracy, by_metric = (
        stats.weightedtau(*pair, rank=None).statistic
        for pair in ((ACCURACY, metric), (metric, ACCURACY))
    )
    found = regret(ACCURACY, metric)
    assert found["tau_w_accuracy"] == pytest.approx(by_accuracy)
    assert found["tau_w_symmetric"] == pytest.approx((by_accuracy + by_metric) / 2)
    for of_one, sign in ((regret(ACCURACY, ACCURACY), 1), (regret(ACCURACY, -ACCURACY), -1)):
        assert of_one["tau_w_accuracy"] == pytest.approx(sign)
        assert of_one["tau_w_symmetric"] == pytest.approx(sign)


def test_few_models_and_no_accuracy():
    found = regret(np.zeros(2), np.array([1.0, 2]))
    assert found["regret_5"] == 0 and found["hit_5"] == 1 and np.isnan(found["relative"])


def pools():
    rng = np.random.default_rng(0)
    accuracy = rng.random((4, 6))
    return Pools(
        scope="one architecture",
        names=[(a, t) for a in ("x", "y") for t in ("t", "u")],
        subsets=list("abcdef"),
        policies=np.array(["p"] * 6),
        accuracy=accuracy,
        columns={"S1": {"value": accuracy}, "S2": {"value": accuracy}},  # good, bad
    )


def test_tables_have_a_random_choice_and_means_over_targets():
    table = regret_table(pools())
    assert list(table["metric"][:3]) == ["S1", "S2", "random"] and len(table) == 12
    assert (table.loc[table["metric"] == "S1", "regret_1"] == 0).all()
    counts = pools().resample(100, 0)
    means = mean_regret_table(table, pools(), counts).set_index("metric")
    assert means.loc["S1", "regret_1"] < means.loc["random", "regret_1"]
    assert means.loc["random", "regret_1"] < means.loc["S2", "regret_1"]
    random = table[table["metric"] == "random"]
    assert means.loc["random", "hit_3"] == pytest.approx(random["hit_3"].mean())
    for name in ("regret_1", "regret_5", "relative", "hit_1", "hit_5"):
        value, low, high = (means[f"{name}{end}"] for end in ("", "_low", "_high"))
        assert ((low <= value) & (value <= high)).all()  # every answer has an interval
    assert isinstance(means, pd.DataFrame) and set(means["scope"]) == {"one architecture"}


def mean_regrets(accuracy, metric, targets):
    """mean_regret_table's row of one metric; accuracy, metric: [targets, models]."""
    found = Pools(
        scope="one architecture",
        names=[("x", f"t{t}") for t in range(targets)],
        subsets=[str(n) for n in range(accuracy.shape[1])],
        policies=np.repeat(["p", "q"], accuracy.shape[1] // 2),
        accuracy=accuracy,
        columns={"S1": {"value": metric}},
    )
    counts = found.resample(100, 0)
    return mean_regret_table(regret_table(found), found, counts).set_index("metric").loc["S1"]


@pytest.mark.parametrize("targets", [2, 8])
def test_without_any_regret_a_miss_in_other_targets_is_still_possible(targets):
    rng = np.random.default_rng(0)
    accuracy = np.sort(rng.random((targets, 12)), axis=1)
    row = mean_regrets(accuracy, accuracy, targets)
    missed = 1 - 0.025 ** (1 / targets)  # scipy's exact interval of 0 in so many
    exact = stats.binomtest(0, targets).proportion_ci(0.95, "exact")
    assert exact.high == pytest.approx(missed)
    gap = 100 * (accuracy[:, -1] - accuracy[:, -2]).mean()
    assert (row["regret_1"], row["regret_1_low"]) == (0, 0)
    assert row["regret_1_high"] == pytest.approx(missed * gap)
    assert (row["hit_1"], row["hit_1_high"]) == (1, 1)
    assert row["hit_1_low"] == pytest.approx(1 - missed)
    assert row["relative"] == 1 and 0 < row["relative_low"] < 1
    always = mean_regrets(accuracy, -accuracy, targets)
    assert (always["hit_1"], always["hit_1_low"]) == (0, 0)
    assert always["hit_1_high"] == pytest.approx(missed)


def test_the_interval_of_a_regret_is_longer_above_and_never_below_zero():
    rng = np.random.default_rng(1)
    accuracy = rng.random((8, 12))
    row = mean_regrets(accuracy, accuracy + rng.normal(0, 0.1, accuracy.shape), 8)
    assert 0 < row["regret_1_low"] < row["regret_1"] < row["regret_1_high"] < 100
    assert row["regret_1_high"] - row["regret_1"] > row["regret_1"] - row["regret_1_low"]


def test_two_equal_regrets_say_nothing_of_how_they_vary():
    accuracy = np.tile([0.5, 0.6, 0.7, 0.75, 0.2, 0.3], (2, 1))
    row = mean_regrets(accuracy, np.tile([0.0, 0, 9, 0, 0, 0], (2, 1)), 2)
    assert row["regret_1"] == pytest.approx(5)
    assert 0 <= row["regret_1_low"] < 0.1 and row["regret_1_high"] > 99


def test_one_target_says_nothing_of_others():
    accuracy = np.arange(12.0)[None] / 20
    row = mean_regrets(accuracy, accuracy, 1)
    assert row["regret_1"] == 0 and np.isnan([row["regret_1_low"], row["regret_1_high"]]).all()
