"""The architectures, one module each, named as in the settings, with a width and a stem.

At width 1 with the `imagenet` stem each network is torchvision's: the same parameter names and
shapes, and the same output for the same weights. The `small` stem is for images of about 32
pixels: it drops some strides and poolings so that the last featuremap keeps 4 x 4 positions instead
of one, and it pools to a smaller grid before the fully connected layers.

A module `NAME.py` has a class Network(classes, width, stem, dropout), a torch module with views
that share its weights: it is `head(trunk(images))`.

* `trunk`: images [n, 3, side, side] -> featuremaps [n, C, H, W], the last convolutional layer after
  its ReLU and before any pooling (AlexNet 256x13x13, VGG16 512x14x14, ResNet18 512x7x7);
* `head`: featuremaps -> logits [n, classes]; its last layer, fully connected, is `last`;
* `cuts`: the network up to each convolutional layer; see models.truncation.

Rules and figures need to know some more without importing torch. These are plain constants, which
models.catalog reads from the file:

* TITLE: in figures and text; LINE: its line in Figure 3 (without it, -.);
* LAYERS: how many convolutional layers it can be cut after, at any width and stem;
* SMALLEST: by stem, the smallest image side, in pixels, that survives the poolings;
* SIZES: by stem, what one image asks of the network of width 1: multiply-adds of one pass forward,
  numbers in the largest output of a layer, parameters; for `imagenet` of 224 pixels with 1000
  classes, for `small` of 32 with 100 (models.cost.count counts them);
* ONE_POSITION, if it normalises over a batch: by stem, the largest side of an image of which
  normalisation sees a single position.

Files whose names begin with an underscore are not architectures, but code that several share.
"""

import importlib

from torch import nn


def build(
    architecture: str, classes: int, width: float = 1, stem: str = "imagenet", dropout: float = 0.5
) -> nn.Module:
    """An untrained network of one of catalog.available()."""
    module = importlib.import_module(f"{__name__}.{architecture}")
    return module.Network(classes, width, stem, dropout)


def initialise(network: nn.Module, how: str) -> None:
    """`torchvision`: leave the network as it was built. `kaiming`: normal, by fan-in, biases zero.

    Without batch normalisation, torch's default, which AlexNet uses, shrinks the signal layer by
    layer, and a narrow network may never start to learn; He et al.'s (2015) keeps its scale.
    """
    if how == "kaiming":
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
