"""The experiment's intervals cover what they say they cover: the short form of its benchmark."""

import numpy as np
import pytest
from scipy import stats

from projects import ROOT


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import intervals_experiment

    monkeypatch.setattr(intervals_experiment, "RESAMPLES", 100)
    monkeypatch.setattr(intervals_experiment, "TRUTHS", 300)
    return intervals_experiment


def check(benchmark, found):
    """No coverage is so low that one in a thousand experiments at 94 % would have it."""
    for claim, of_claim in found.items():
        row = benchmark.row(of_claim, "now")
        simulations = len(of_claim["now"])
        assert row["undefined"] == 0, claim
        assert stats.binom.cdf(round(simulations * row["coverage"]), simulations, 0.94) > 1e-3, (
            claim
        )


@pytest.mark.parametrize(("models", "r", "apart"), [(20, 0.6, 1), (60, 0.9, 0)])
def test_rho_and_rho_within_kinds(benchmark, models, r, apart):
    check(benchmark, benchmark.rho(150, models, r, apart))


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_noise_ceiling(benchmark, seeds):
    check(benchmark, benchmark.ceilings(50, seeds, 0.05, 1))


@pytest.mark.parametrize(("targets", "sizes"), [(8, (10, 20, 10, 20)), (2, (5, 2))])
def test_mean_regret(benchmark, targets, sizes):
    design = (benchmark.kinds(sizes), targets, 3, 0.5, 0.4, False)
    found = benchmark.mean_regret(60, np.random.default_rng(0), *design)
    check(benchmark, found)
    assert all(low >= 0 for of_claim in found.values() for low, _, _ in of_claim["now"])


def test_means_of_a_table_from_elsewhere(benchmark):
    design = (benchmark.kinds((10,)), 8, 1, 0.5, 0.4, False)
    check(benchmark, benchmark.mean_of_table(40, np.random.default_rng(0), *design))
