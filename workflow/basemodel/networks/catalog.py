"""The architectures that base models have, as names, figures and rules need them: without torch.

networks.architectures builds them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """What is known of an architecture at any width and with any stem."""

    title: str  # in figures and text
    # Convolutional layers in the order of the forward pass, without ResNet18's 1x1 shortcuts: the
    # network can be cut after each of them, counted from 0.
    layers: int
    line: str  # matplotlib's line style in Figure 3, as published


ARCHITECTURES = {
    "alexnet": Architecture("AlexNet", layers=5, line="-"),
    "vgg16": Architecture("VGG16", layers=13, line=":"),
    "resnet18": Architecture("ResNet18", layers=17, line="--"),
}
OTHER_LINE = "-."


def layers(name: str) -> int:
    """The number of layers after which an architecture can be cut.

    Raises ValueError for an architecture that is not known.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(f"no architecture is called {name!r}; there are {known}")
    return ARCHITECTURES[name].layers


def architecture_title(name: str) -> str:
    """The name in figures and text; of an architecture that is not known, its own."""
    return ARCHITECTURES[name].title if name in ARCHITECTURES else name


def architecture_line(name: str) -> str:
    """The line style in figures."""
    return ARCHITECTURES[name].line if name in ARCHITECTURES else OTHER_LINE
