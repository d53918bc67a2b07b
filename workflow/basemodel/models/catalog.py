"""What rules and figures need to know about the architectures, without importing torch.

models.architectures builds them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """What one image asks of a network."""

    multiply_adds: float  # of one pass forward
    largest: float  # numbers in the largest output of a layer
    parameters: float


@dataclass(frozen=True)
class Architecture:
    """What holds for an architecture at any width and with any stem."""

    title: str  # in figures and text
    # Number of convolutional layers, without ResNet18's 1x1 shortcuts. The network can be cut
    # after each of them; they are counted from 0 in the order of the forward pass.
    layers: int
    line: str  # matplotlib's line style in Figure 3, as published
    # By stem, the smallest image side, in pixels, that survives the poolings.
    smallest: dict[str, int]
    sizes: dict[str, Size]  # by stem, of the paper's width at the side in REFERENCE_SIDE


# Where multiply-adds are counted, by stem; with 1000 classes for imagenet, and 100 for small.
REFERENCE_SIDE = {"imagenet": 224, "small": 32}
ARCHITECTURES = {
    "alexnet": Architecture(
        "AlexNet", 5, "-", {"imagenet": 63, "small": 1},
        {"imagenet": Size(714e6, 194e3, 61.1e6), "small": Size(76.5e6, 16.4e3, 23.8e6)},
    ),
    "vgg16": Architecture(
        "VGG16", 13, ":", {"imagenet": 32, "small": 15},
        {"imagenet": Size(15.5e9, 3.21e6, 138e6), "small": Size(394e6, 32.8e3, 40.3e6)},
    ),
    "resnet18": Architecture(
        "ResNet18", 17, "--", {"imagenet": 1, "small": 1},
        {"imagenet": Size(1.81e9, 803e3, 11.7e6), "small": Size(240e6, 16.4e3, 11.2e6)},
    ),
}  # fmt: skip
# By how much ResNet18, which normalises over a batch and its positions, shrinks an image.
RESNET18_STRIDE = {"imagenet": 32, "small": 8}
OTHER_LINE = "-."


def layers(name: str) -> int:
    """The number of layers after which an architecture can be cut.

    Raises ValueError for an unknown architecture.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(f"no architecture is called {name!r}; there are {known}")
    return ARCHITECTURES[name].layers


def architecture_title(name: str) -> str:
    """The name used in figures and text; an unknown architecture keeps its own name."""
    return ARCHITECTURES[name].title if name in ARCHITECTURES else name


def architecture_line(name: str) -> str:
    """The line style in figures."""
    return ARCHITECTURES[name].line if name in ARCHITECTURES else OTHER_LINE


def smallest_side(name: str, stem: str) -> int:
    """The smallest image side, in pixels, that an architecture can take."""
    return ARCHITECTURES[name].smallest[stem]


def size(name: str, width: float, stem: str, side: int) -> Size:
    """About what an image of this side asks of a network; models.cost counts exactly.

    The published network's numbers, scaled: layers have width squared times as many weights, and
    outputs side squared times as many positions. First and last layers scale otherwise; for the
    widths and sides of this project's experiments this is within 10 %.
    """
    whole, positions = ARCHITECTURES[name].sizes[stem], (side / REFERENCE_SIDE[stem]) ** 2
    return Size(
        whole.multiply_adds * width**2 * positions,
        whole.largest * width * positions,
        whole.parameters * width**2,
    )


def normalises_one_position(name: str, stem: str, side: int) -> bool:
    """Whether batch normalisation of a single image of this side would see a single number."""
    return name == "resnet18" and side <= RESNET18_STRIDE[stem]
