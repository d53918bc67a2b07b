"""Shapes of the networks, for rules and checks of settings, which must not import torch."""

# In the order of the forward pass, counted from 0 elsewhere, without ResNet18's 1x1 shortcuts.
LAYERS = {"alexnet": 5, "vgg16": 13, "resnet18": 17}
# The least side of an image, in pixels, of which poolings leave something.
SIDES = {
    ("alexnet", "imagenet"): 63,
    ("alexnet", "small"): 1,
    ("vgg16", "imagenet"): 32,
    ("vgg16", "small"): 15,
    ("resnet18", "imagenet"): 1,
    ("resnet18", "small"): 1,
}
# How far ResNet18, which normalises over a batch and its positions, shrinks an image.
RESNET18_STRIDE = {"imagenet": 32, "small": 8}


def layers(architecture: str) -> int:
    """The number of layers after which the network can be cut, whatever its width and stem.

    Raises ValueError for an architecture that is not known.
    """
    if architecture not in LAYERS:
        raise ValueError(
            f"no architecture is called {architecture!r}; there are {', '.join(LAYERS)}"
        )
    return LAYERS[architecture]


def smallest_side(architecture: str, stem: str) -> int:
    """The least side of an image, in pixels, that the network can take."""
    return SIDES[architecture, stem]


def normalises_one_position(architecture: str, stem: str, side: int) -> bool:
    """Whether a batch of one image of this side would be normalised over one number."""
    return architecture == "resnet18" and side <= RESNET18_STRIDE[stem]
