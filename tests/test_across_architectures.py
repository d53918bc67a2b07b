"""Which metrics compare architectures: those that put no model above a much better one.

Two panels of models whose accuracy is known, from a linear classifier of other images: synthetic
ones of 32 to 2,048 features, with and without a signal, copied, diluted and scaled; and networks of
three architectures, untrained and trained, on handwritten digits. A metric may be compared between
architectures if, in neither, a model's value is above that of one that is 25 points better.
"""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifierCV
from torch.nn import functional

from basemodel import metrics
from basemodel.models.architectures import build, initialise

MARGIN = 0.25
OF_IMAGES = [name for name in metrics.available() if "card" not in metrics.inputs(name)]
CLASSES = 10
PENALTIES = 10.0 ** np.arange(-2, 5)


def accuracy(seen, y, others, of_others):
    """Of a linear classifier of standardised embeddings, on images that it has not seen."""
    mean, deviation = seen.mean(axis=0), seen.std(axis=0) + 1e-9
    model = RidgeClassifierCV(PENALTIES).fit((seen - mean) / deviation, y)
    return model.score((others - mean) / deviation, of_others)


def worst(name, models):
    """Two models of two kinds in the wrong order: how far apart in accuracy at most, and both."""
    rows = [metrics.compute(name, given) for _, given in models.values()]
    values = [row["value"] * metrics.sign(name) for row in metrics.values_in_pool(name, rows)]
    known = [(kind, found, value) for (kind, (found, _)), value in
             zip(models.items(), values, strict=True)]  # fmt: skip
    return max(
        (better - worse, low, high)
        for low, worse, value in known
        for high, better, larger in known
        if low[0] != high[0] and not value < larger
    )


# Synthetic models ---------------------------------------------------------------------------


def synthetic():
    """Models by (kind, name): their accuracy, and 200 images as the metrics see them."""
    rng = np.random.default_rng(1)
    y = np.arange(200) % CLASSES
    of_others = np.arange(2000) % CLASSES

    def drawn(features, signal, relu=True):
        means = signal * rng.normal(size=(CLASSES, features))
        both = [means[label] + rng.normal(size=(len(label), features)) for label in (y, of_others)]
        return [np.maximum(x, 0) if relu else x for x in both]

    found = {f"noise {features}": drawn(features, 0) for features in (32, 128, 512, 2048)}
    weak, strong = drawn(64, 0.25), drawn(64, 0.6)
    noise = drawn(448, 0)
    found |= {
        "noise, no ReLU": drawn(128, 0, relu=False),
        "weak": weak,
        "weak, copied 8 times": [np.tile(x, 8) for x in weak],
        "weak, with 448 of noise": [np.hstack(both) for both in zip(weak, noise, strict=True)],
        "strong": strong,
        "strong 512": drawn(512, 0.3),
        "strong 2048": drawn(2048, 0.17),
        "strong, no ReLU": drawn(256, 0.3, relu=False),
    }
    for name in ("noise 128", "weak", "strong"):
        for factor in (0.1, 10):
            found[f"{name} · {factor}"] = [factor * x for x in found[name]]
    return {
        (name, ""): (accuracy(x, y, others, of_others), _seen(x, y, rng))
        for name, (x, others) in found.items()
    }


def _seen(x, y, rng):
    """Predictions by a random layer; maps of 2 × 2 that vary around the embeddings."""
    centred = x - x.mean(axis=0)
    logits = centred @ rng.normal(size=(x.shape[1], 100))
    logits *= 30 / np.abs(logits).max()
    p = np.exp(logits)
    maps = x[:, :, None, None] + 0.5 * x.std() * rng.normal(size=(*x.shape, 2, 2))
    if x.min() == 0:
        maps = np.maximum(maps, 0) * (x > 0)[:, :, None, None]
    return {
        "embeddings": x, "labels": y, "probabilities": p / p.sum(axis=1, keepdims=True),
        "featuremaps": maps,
    }  # fmt: skip


# Small networks -----------------------------------------------------------------------------


def networks():
    """Models by (architecture, trained or not), on digits 5 to 9, trained on 0 to 4."""
    torch.manual_seed(0)
    images, y = map(torch.tensor, load_digits(return_X_y=True))
    images = functional.interpolate(images.float().reshape(-1, 1, 8, 8) / 8 - 1, size=32)
    images = images.repeat(1, 3, 1, 1)
    target = torch.nonzero(y > 4).ravel()
    target = target[torch.randperm(len(target))]
    labels = y[target].numpy()
    probe = np.concatenate([np.flatnonzero(labels == c)[:20] for c in range(5, 10)])
    others = np.setdiff1d(np.arange(len(labels)), probe)
    found = {}
    for architecture, width in (("alexnet", 0.125), ("vgg16", 0.0625), ("resnet18", 0.0625)):
        for state in ("untrained", "trained"):
            network = build(architecture, 5, width, "small", 0.0)
            initialise(network, "kaiming")
            if state == "trained":
                _train(network, images[y < 5], y[y < 5])
            all_of_it = _outputs(network, images[target])
            x = all_of_it["embeddings"]
            known = accuracy(x[probe], labels[probe], x[others], labels[others])
            given = {what: array[probe] for what, array in all_of_it.items()}
            found[architecture, state] = known, given | {"labels": labels[probe]}
    return found


def _train(network, images, y):
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.002)
    for _ in range(4):
        for batch in torch.randperm(len(y)).split(32):
            optimizer.zero_grad()
            functional.cross_entropy(network(images[batch]), y[batch]).backward()
            optimizer.step()


@torch.no_grad()
def _outputs(network, images):
    network.eval()
    maps = network.trunk(images)
    x = network.head[:-1](maps)
    p = network.last(x).softmax(1)
    return {"featuremaps": maps.numpy(), "embeddings": x.numpy(), "probabilities": p.numpy()}


@pytest.fixture(scope="module")
def panels():
    return synthetic(), networks()


def test_the_panels_have_models_that_are_far_apart(panels):
    for models, apart in zip(panels, (0.8, 0.15), strict=True):
        known = [found for found, _ in models.values()]
        assert max(known) - min(known) > apart
    assert all(abs(found - 0.1) < 0.05 for (name, _), (found, _) in panels[0].items()
               if name.startswith("noise"))  # fmt: skip


@pytest.mark.parametrize("name", OF_IMAGES)
def test_a_metric_compares_architectures_if_none_is_put_above_a_much_better_one(panels, name):
    order = [worst(name, models) for models in panels]
    relative = metrics.depends_on_pool(name)
    fits = all(gap < MARGIN for gap, *_ in order) and not relative
    assert metrics.compares_architectures(name) == fits, order
