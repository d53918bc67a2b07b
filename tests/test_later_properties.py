"""The later metrics: what changes nothing, degenerate data, and failures."""

import math
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel import metrics
from later_metrics import LATER, OF_CARDS, OF_EMBEDDINGS, OF_PROBABILITIES, data, terms, value

OF_IMAGES = OF_EMBEDDINGS + OF_PROBABILITIES
# NLEEP starts at random images, and the probe's folds go by the images' order
ORDERLESS = [name for name in OF_IMAGES if name not in ("NLEEP", "LinearProbe")]
SCALED = ("ETran", "NCTI", "PACTran", "TransRate")
SCALELESS = [name for name in OF_EMBEDDINGS if name not in SCALED]
# Of cosines, correlations and energies, only those without the mean see a rotation
ROTATED = [name for name in OF_EMBEDDINGS if name not in ("ETran", "PARC")]
brief = settings(max_examples=8, deadline=None)
shapes = st.sampled_from([(40, 90, 4), (90, 30, 4), (40, 90, 4, False)])


def same(found, expected):
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@brief
@given(shapes, st.integers(0, 1000))
def test_the_order_of_images_does_not_matter(shape, seed):
    base = data(*shape)
    order = np.random.default_rng(seed).permutation(shape[0])
    moved = {what: array[order] for what, array in base.items()}
    for name in ORDERLESS:
        same(terms(name, moved), terms(name, base))


@brief
@given(shapes, st.permutations(range(4)))
def test_the_names_of_classes_do_not_matter(shape, names):
    base = data(*shape)
    renamed = np.array(names)[base["labels"]] * 10 - 3
    for name in OF_IMAGES:
        same(terms(name, base, labels=renamed), terms(name, base))


@brief
@given(shapes, st.integers(0, 1000))
def test_a_rotation_of_the_embeddings_does_not_matter(shape, seed):
    base = data(*shape)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(shape[1], shape[1])))
    for name in ROTATED:
        same(terms(name, base, embeddings=base["embeddings"] @ turn), terms(name, base))


@brief
@given(shapes, st.sampled_from([1e-3, 0.5, 300.0]))
def test_the_scale_of_the_embeddings_does_not_matter(shape, factor):
    base = data(*shape)
    for name in SCALELESS:
        same(terms(name, base, embeddings=factor * base["embeddings"]), terms(name, base))


@pytest.mark.parametrize("name", OF_IMAGES)
def test_signal_is_larger_than_noise(name):
    """Labels that the embeddings know nothing about score worse."""
    for shape in [(80, 200, 5), (300, 60, 5)]:
        base = data(*shape)
        base["embeddings"] += np.random.default_rng(1).normal(size=(5, shape[1]))[base["labels"]]
        shuffled = np.random.default_rng(0).permutation(base["labels"])
        models = [terms(name, base), terms(name, base, labels=shuffled)]
        good, bad = (row["value"] for row in metrics.values_in_pool(name, models))
        assert metrics.sign(name) * (good - bad) > 0


@pytest.mark.parametrize("name", OF_EMBEDDINGS)
def test_features_without_information_change_little(name):
    """Constant features are not there: the same without them (but for means over features)."""
    base = data(60, 90, 4)
    wide = np.concatenate([base["embeddings"], np.full((60, 10), 0.1)], axis=1)
    found, expected = value(name, base, embeddings=wide), value(name, base)
    if name in ("GBC", "LinearProbe", "NLEEP", "TransRate", "NCTI"):  # centred, no mean over D
        same(found, expected)
    else:
        assert math.isfinite(found)


@pytest.mark.parametrize("name", OF_EMBEDDINGS)
def test_ranges(name):
    low, high = {
        "ETran": (-math.inf, math.inf), "GBC": (-20, 0), "HScore": (0, 4.1), "NLEEP": (-2, 0),
        "LinearProbe": (0, 1), "LogME": (-math.inf, math.inf), "NCTI": (0, math.inf),
        "PACTran": (0, math.inf), "PARC": (-1, 1), "SFDA": (-math.inf, 0),
        "TransRate": (0, math.inf), "kNN": (0, 1),
    }[name]  # fmt: skip
    for shape in [(80, 200, 5), (300, 60, 5), (80, 200, 5, False)]:
        assert low <= value(name, data(*shape)) <= high


# Degenerate data ------------------------------------------------------------------------------

CHANCE = -math.log(4)
OF_CONSTANTS = {  # four classes of ten images
    "ETran": 0.25, "GBC": -12, "HScore": 0, "LinearProbe": None, "LogME": None, "NCTI": math.nan,
    "NLEEP": CHANCE, "PACTran": math.nan, "PARC": math.nan, "SFDA": CHANCE, "TransRate": 0,
    "kNN": 0,
}  # fmt: skip


@pytest.mark.parametrize("constant", [0, 0.1])
@pytest.mark.parametrize("name", OF_EMBEDDINGS)
def test_constant_embeddings(name, constant):
    """A dead network is worst, or undefined; never an error."""
    base = data(40, 90, 4)
    found = terms(name, base, embeddings=np.full((40, 90), constant))
    found = found["classification"] if name == "ETran" else next(iter(found.values()))
    if OF_CONSTANTS[name] is None:
        assert math.isfinite(found) and found < value(name, base)
    else:
        assert found == pytest.approx(OF_CONSTANTS[name], abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", OF_EMBEDDINGS)
def test_one_class(name):
    base = data(40, 90, 4)
    found = list(terms(name, base, labels=np.zeros(40, int)).values())
    if name == "NLEEP":
        assert found[0] == pytest.approx(0, abs=1e-12)
    else:
        assert np.isnan(found[1] if name == "ETran" else found[0])


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_one_class_of_predictions(name):
    assert value(name, data(40, 90, 4), labels=np.zeros(40, int)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", OF_IMAGES)
def test_a_class_of_one_image(name):
    base = data(40, 90, 4)
    labels = np.where(np.arange(40) == 7, 9, base["labels"])
    assert np.isfinite(list(terms(name, base, labels=labels).values())).all()


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_as_many_classes_as_images(name, n):
    """Whatever the value, an error it is not, nor infinity."""
    few = {what: array[:n] for what, array in data(40, 90, 4).items()}
    assert not np.isinf(list(terms(name, few, labels=np.arange(n)).values())).any()


@pytest.mark.parametrize("name", OF_EMBEDDINGS)
def test_equal_images_within_each_class(name):
    base = data(40, 90, 4)
    points = base["embeddings"][:4][base["labels"]]
    found = list(terms(name, base, embeddings=points).values())
    assert not np.isinf(found).any()
    if name in ("kNN", "LinearProbe"):
        assert found[0] == 1


@pytest.mark.parametrize("name", OF_EMBEDDINGS)
def test_one_feature(name):
    base = data(40, 90, 4)
    found = value(name, base, embeddings=base["embeddings"][:, :1])
    assert math.isfinite(found) or name == "PARC"  # one number correlates with nothing


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_a_source_class_of_nobody_adds_nothing(name):
    base = data(40, 90, 4)
    more = np.concatenate([base["probabilities"], np.zeros((40, 3))], axis=1)
    assert value(name, base, probabilities=more) == pytest.approx(value(name, base), rel=1e-12)


def test_sfda_tells_models_apart_that_classify_all_images():
    """With N < D all probabilities are close to 1; their logarithms still rank."""
    base = data(80, 200, 5)
    noise = np.random.default_rng(1).normal(size=(80, 200))
    found = [value("SFDA", base, embeddings=base["embeddings"] + k * noise) for k in (0, 1, 2)]
    assert math.exp(found[0]) > 1 - 1e-5
    assert 0 > found[0] > found[1] > found[2]


@pytest.mark.parametrize("name", OF_IMAGES)
def test_the_same_twice_and_from_float32(name):
    base = data(40, 90, 4)
    single = {what: array.astype(np.float32) for what, array in base.items() if what != "labels"}
    single["labels"] = base["labels"]
    before = {what: array.copy() for what, array in single.items()}
    assert terms(name, single) == terms(name, single)
    assert all(np.array_equal(single[what], before[what]) for what in single)  # left alone
    assert value(name, single) == pytest.approx(value(name, base), rel=1e-4)


# Many images ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in OF_EMBEDDINGS if name != "PARC"])
def test_memory_does_not_grow_with_the_square_of_the_images(name):
    """An N × N matrix would have 288 MB. (PARC ranks all pairs.)"""
    given = data(6000, 12, 5)
    value(name, data(40, 12, 5))  # imports
    tracemalloc.start()
    value(name, given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6


@pytest.mark.parametrize("name, n", [("PARC", 22_001), ("NLEEP", 10_001)])
def test_what_would_take_too_long_is_not_applicable(name, n):
    with pytest.raises(metrics.NotApplicable, match=f"^{name}: not applicable to .* images"):
        value(name, {"embeddings": np.ones((n, 1)), "labels": np.arange(n) % 1000})


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_source_probabilities_are_not_copied(name):
    """A copy in float64 would have 128 MB."""
    probabilities = np.random.default_rng(0).random((4000, 4000), np.float32)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    value(name, data(40, 12, 5))  # imports
    tracemalloc.start()
    value(name, {"probabilities": probabilities, "labels": np.arange(4000) % 5})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


@pytest.mark.parametrize("name", ["GBC", "NCTI", "TransRate"])
def test_one_large_class_among_small_ones_costs_no_more_than_its_images(name):
    """Arrays of classes of one size would have 2,000 × 100 rows."""
    given = data(2990, 12, 5) | {"labels": np.repeat(np.arange(100), [2000] + 99 * [10])}
    value(name, data(40, 12, 5))  # imports
    tracemalloc.start()
    value(name, given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


# Failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_a_number_is_refused(name, bad):
    label = re.escape(metrics.load(name).LABEL)
    base = data(40, 90, 4)
    what = "embeddings" if name in OF_EMBEDDINGS else "probabilities"
    base[what][7, 0] = bad
    with pytest.raises(ValueError, match=f"^{label}: the {what} of image 7 hold NaN or infinity"):
        terms(name, base)


@pytest.mark.parametrize("name", OF_IMAGES)
def test_shapes_must_fit(name):
    base = data(40, 90, 4)
    with pytest.raises(ValueError, match=r"40 images need as many labels.*\(39,\)"):
        terms(name, base, labels=base["labels"][1:])
    for empty in (np.empty((0, 5)), np.empty((40, 2, 2))):
        with pytest.raises(ValueError, match=r"must be a non-empty \[n, "):
            terms(name, base, embeddings=empty, probabilities=empty)


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_probabilities_must_be_some(name):
    base = data(40, 90, 4)
    logits = base["probabilities"].copy()
    logits[5] *= 3
    with pytest.raises(ValueError, match="the probabilities of image 5 .*do not sum to 1"):
        terms(name, base, probabilities=logits)


@pytest.mark.parametrize("name", OF_CARDS)
def test_static_metrics_read_the_card(name):
    card = {"test_accuracy": 0.5, "classes": 100, "images": 2000, "parameters": 10**6}
    key = {"source_accuracy": "test_accuracy"}.get(name, name.removeprefix("source_"))
    assert metrics.inputs(name) == ("card",)
    assert metrics.compute(name, {"card": card}) == {"value": card.pop(key)}
    with pytest.raises(ValueError, match=f"no '{key}': train the base model again"):
        metrics.compute(name, {"card": card})


def test_labels_are_unique_and_short():
    labels = [metrics.load(name).LABEL for name in metrics.available()]
    assert len(set(labels)) == len(labels) and max(map(len, labels)) <= 16
    assert set(LATER) < set(metrics.available())
