"""The noise ceiling: against scipy, against metrics that know the truth, and its script."""

import json
from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

import jobs
from basemodel.statistics.bootstrap import resample
from basemodel.statistics.ceiling import HALVES, ceiling, halves, reliability
from basemodel.statistics.ceiling_rows import ceiling_table
from basemodel.statistics.spearman import spearman
from basemodel.tables import read_csv
from test_correlation import experiment

KINDS = np.repeat(list("abcd"), [10, 20, 10, 20])


def answers(rng, seeds, images, spread, of_training, models=60):
    """Which images were right, bool [seeds, models, images], and every model's worth, [models]."""
    worth = rng.normal(0.6, spread, models)
    trained = worth[:, None] + rng.normal(0, of_training, (seeds, models, 1))
    difficulty, taste = rng.normal(0, 0.8, images), rng.normal(0, 0.5, (models, images))
    chance = 1 / (1 + np.exp(-(5 * (trained - 0.5) + difficulty + taste)))
    return rng.random((seeds, models, images)) < chance, worth


def test_halves_are_halves():
    correct = np.random.default_rng(0).random((2, 5, 11)) < 0.5
    one, other = halves(correct, 0)
    assert one.shape == other.shape == (HALVES, 2, 5)
    missing = correct.sum(axis=2) - one - other  # of 11 images one is in neither half
    assert set(np.unique(missing)) == {0, 1}
    assert (halves(np.ones((2, 5, 11), bool), 0)[0] == 5).all()
    assert (halves(correct, 1)[0] != one).any()
    np.testing.assert_array_equal(halves(correct, 0)[0], one)


@pytest.mark.parametrize("seeds", [1, 3])
def test_reliability_is_scipys_rho_stepped_up(seeds):
    correct, _ = answers(np.random.default_rng(1), seeds, 200, 0.05, 0.03, models=20)
    one, other = (half[:4] for half in halves(correct, 0))

    def rho(first, second):
        return stats.spearmanr(first, second).statistic

    same = np.mean([rho(a[s], b[s]) for a, b in zip(one, other, strict=True) for s in range(seeds)])
    different = [
        rho(a[s], b[t])
        for a, b in zip(one, other, strict=True)
        for s, t in permutations(range(seeds), 2)
    ]
    expected = (np.mean(different) if different else same) * 2 / (1 + same)
    found = reliability(one, other, [np.arange(20)], np.ones((1, 20)))
    assert found == pytest.approx([expected], abs=1e-12)


def test_without_noise_the_ceiling_is_one_and_with_noise_alone_near_zero():
    right = np.arange(40)[None, None] < np.arange(10, 34)[None, :, None]
    policies = np.repeat(["a", "b"], 12)
    counts = resample(policies, 50, 0)
    clear = np.tile(np.repeat(right, 50, axis=2), (2, 1, 1))  # 2,000 images
    found = ceiling(clear, policies, counts, 0)
    assert found["between_seeds"] == pytest.approx(1) and found["ceiling"] > 0.99
    noise = np.random.default_rng(2).random((2, 60, 500)) < 0.7
    found = ceiling(noise, KINDS, resample(KINDS, 200, 0), 0)
    assert found["reliability"] < 0.2 and found["low"] == 0


@pytest.mark.parametrize(
    ("seeds", "spread", "of_training"), [(1, 0.05, 0), (2, 0.04, 0.02), (3, 0.02, 0.01)]
)
def test_a_metric_that_knows_the_truth_reaches_it_on_average(seeds, spread, of_training):
    rng = np.random.default_rng(seeds)
    found, reached = [], []
    for seed in range(40):
        correct, worth = answers(rng, seeds, 400, spread, of_training)
        found.append(ceiling(correct, KINDS, resample(KINDS, 2, seed), seed)["ceiling"])
        reached.append(float(spearman(worth, correct[0].mean(axis=1))))
    assert np.mean(found) == pytest.approx(np.mean(reached), abs=0.025)  # a standard error: 0.008


def test_with_one_seed_the_noise_of_training_counts_as_worth():
    rng = np.random.default_rng(5)
    correct, worth = answers(rng, 2, 1000, 0.03, 0.03)
    counts = resample(KINDS, 100, 0)
    two, one = (ceiling(c, KINDS, counts, 0) for c in (correct, correct[:1]))
    assert (two["seeds"], one["seeds"]) == (2, 1) and np.isnan(one["between_seeds"])
    assert one["ceiling"] > two["ceiling"] + 0.1
    for row in (one, two):
        assert row["low"] < row["ceiling"] < row["high"] <= 1
        assert row["within_low"] < row["ceiling_within"] < row["within_high"] <= 1


def test_too_few_models_have_none():
    kinds = np.array(["a", "b"])
    found = ceiling(np.eye(2, 8, dtype=bool)[None], kinds, resample(kinds, 9, 0), 0)
    assert np.isnan([found["ceiling"], found["ceiling_within"], found["low"]]).all()
    kinds = np.array(list("aaaaa"))
    nothing = ceiling(np.ones((2, 5, 1), bool), kinds, resample(kinds, 0, 0), 0)
    assert np.isnan([nothing["ceiling"], nothing["between_seeds"], nothing["high"]]).all()


# The table and its script -------------------------------------------------------------------


def records(repeats=1):
    fine_tuning, base_models, _ = experiment()
    rng = np.random.default_rng(0)
    found = []
    for row in fine_tuning.to_dict("records"):
        texts = [
            "".join("01"[right] for right in (rng.random(60) < row["accuracy"]).astype(int))
            for _ in range(1 + repeats)
        ]
        seeds = [{"accuracy": text.count("1") / 60, "correct": text} for text in texts]
        found.append(row | seeds[0] | {"repeats": seeds[1:]})
    return found, base_models


def rows(found, base_models):
    return ceiling_table(found, base_models, ["alexnet", "resnet18"], ["dtd", "pets"], 50, 0)


def test_the_table_has_every_cell_and_all_architectures():
    found, base_models = records()
    result = rows(found, base_models).set_index(["architecture", "target"])
    pools = product(("alexnet", "resnet18", "all"), ("dtd", "pets"))
    assert list(result.index) == list(pools)
    assert (result["seeds"] == 2).all() and result["ceiling"].between(0.8, 1).all()
    of_pets = [record for record in found if record["target"] == "pets"]
    first = [record["accuracy"] for record in of_pets]
    second = [record["repeats"][0]["accuracy"] for record in of_pets]
    expected = stats.spearmanr(first, second).statistic
    assert result.loc[("all", "pets"), "between_seeds"] == pytest.approx(expected)
    shuffled = rows(found[::-1], base_models).set_index(["architecture", "target"])
    np.testing.assert_array_equal(result, shuffled)
    assert len(ceiling_table(found, base_models, ["alexnet"], ["dtd"], 9, 0)) == 1


def test_a_pool_has_as_many_seeds_as_all_its_models():
    found, base_models = records()
    found[0]["repeats"] = []  # alexnet, dtd
    result = rows(found, base_models).set_index(["architecture", "target"])["seeds"]
    assert result["alexnet", "dtd"] == result["all", "dtd"] == 1
    assert result["alexnet", "pets"] == 2


def test_faults_are_named():
    found, base_models = records()
    with pytest.raises(ValueError, match="no record for alexnet, dtd, class10-01"):
        rows(found[1:], base_models)
    with pytest.raises(ValueError, match="two records for alexnet, dtd, class10-01"):
        rows(found[:1] + found, base_models)
    shorter = [{**found[0], "correct": "0" * 59, "repeats": []}, *found[1:]]
    with pytest.raises(ValueError, match="class10-02 was tested on 60 images, .* on 59"):
        rows(shorter, base_models)
    with pytest.raises(ValueError, match="class10-01 has repeats with other numbers"):
        rows([{**found[0], "correct": "0" * 59}, *found[1:]], base_models)
    for bad in ("2" * 60, ""):
        with pytest.raises(ValueError, match="alexnet, dtd, class10-01 has answers that are not"):
            rows([{**found[0], "correct": bad, "repeats": []}, *found[1:]], base_models)


def test_script(tmp_path):
    found, base_models = records(repeats=2)
    base_models.to_csv(tmp_path / "base_models.csv", index=False)
    paths = [tmp_path / f"{number}.json" for number in range(len(found))]
    for path, record in zip(paths, found, strict=True):
        path.write_text(json.dumps(record))
    jobs.run(
        "ceiling.py",
        input={"fine_tunings": paths, "base_models": tmp_path / "base_models.csv"},
        output=[tmp_path / "ceiling.csv"],
        params={
            "architectures": ["alexnet", "resnet18"],
            "targets": ["dtd", "pets"],
            "bootstrap": 50,
            "seed": 0,
        },
    )
    result = read_csv(tmp_path / "ceiling.csv")
    assert (result["seeds"] == 3).all()
    np.testing.assert_array_equal(
        result.iloc[:, 2:].to_numpy(float), rows(found, base_models).iloc[:, 2:].to_numpy(float)
    )
