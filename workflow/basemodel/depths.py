"""How many convolutional layers a network has, for rules that must not import torch."""

# In the order of the forward pass, counted from 0 elsewhere, without ResNet18's 1x1 shortcuts.
LAYERS = {"alexnet": 5, "vgg16": 13, "resnet18": 17}


def layers(architecture: str) -> int:
    """The number of layers after which the network can be cut, whatever its width and stem.

    Raises ValueError for an architecture that is not known.
    """
    if architecture not in LAYERS:
        raise ValueError(
            f"no architecture is called {architecture!r}; there are {', '.join(LAYERS)}"
        )
    return LAYERS[architecture]
