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
    # By stem, the least side of an image, in pixels, of which poolings leave something.
    smallest: dict[str, int]


ARCHITECTURES = {
    "alexnet": Architecture("AlexNet", 5, "-", {"imagenet": 63, "small": 1}),
    "vgg16": Architecture("VGG16", 13, ":", {"imagenet": 32, "small": 15}),
    "resnet18": Architecture("ResNet18", 17, "--", {"imagenet": 1, "small": 1}),
}
# How far ResNet18, which normalises over a batch and its positions, shrinks an image.
RESNET18_STRIDE = {"imagenet": 32, "small": 8}
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


def smallest_side(name: str, stem: str) -> int:
    """The least side of an image, in pixels, that an architecture can take."""
    return ARCHITECTURES[name].smallest[stem]


def normalises_one_position(name: str, stem: str, side: int) -> bool:
    """Whether a batch of one image of this side would be normalised over one number."""
    return name == "resnet18" and side <= RESNET18_STRIDE[stem]
