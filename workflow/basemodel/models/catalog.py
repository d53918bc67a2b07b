"""What rules and figures need to know about the architectures, without importing torch.

The constants at the top of their modules (models.architectures) are read, and nothing is imported.
"""

import ast
import contextlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "architectures"
NEEDED = ("TITLE", "LAYERS", "SMALLEST", "SIZES")
OPTIONAL = {"LINE": "-.", "ONE_POSITION": {}}
# The image side, by stem, for which a module's SIZES are counted.
REFERENCE_SIDE = {"imagenet": 224, "small": 32}


class Size(NamedTuple):
    """What one image asks of a network."""

    multiply_adds: float  # of one pass forward
    largest: float  # numbers in the largest output of a layer
    parameters: float


def available() -> list[str]:
    """The names of all architectures, sorted. Looks at the files only."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def module_name(name: str) -> str:
    """The module that builds an architecture, as a dotted name: for fingerprints."""
    return f"basemodel.models.architectures.{name}"


@cache
def constants(name: str) -> dict[str, Any]:
    """An architecture's constants. Raises ValueError if it is unknown, or one is missing."""
    if name not in available():
        raise ValueError(f"no architecture is called {name!r}; there are {', '.join(available())}")
    file = FOLDER / f"{name}.py"
    found = dict(OPTIONAL)
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            with contextlib.suppress(ValueError):  # of what is not plain
                found[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    for key in NEEDED:
        if key not in found:
            raise ValueError(f"{file}: {key} is missing, or no plain value")
    return found


def layers(name: str) -> int:
    """The number of layers after which an architecture can be cut; errors as of `constants`."""
    return constants(name)["LAYERS"]


def architecture_title(name: str) -> str:
    """The name used in figures and text; an unknown architecture keeps its own name."""
    return constants(name)["TITLE"] if name in available() else name


def architecture_line(name: str) -> str:
    """matplotlib's line style in figures, for the paper's architectures as published."""
    return constants(name)["LINE"] if name in available() else OPTIONAL["LINE"]


def smallest_side(name: str, stem: str) -> int:
    """The smallest image side, in pixels, that an architecture can take."""
    return constants(name)["SMALLEST"][stem]


def size(name: str, width: float, stem: str, side: int) -> Size:
    """About what an image of this side asks of a network; models.cost counts exactly.

    The published network's numbers, scaled: layers have width squared times as many weights, and
    outputs side squared times as many positions. First and last layers scale otherwise; for the
    widths and sides of this project's experiments this is within 10 %.
    """
    whole, positions = Size(*constants(name)["SIZES"][stem]), (side / REFERENCE_SIDE[stem]) ** 2
    return Size(
        whole.multiply_adds * width**2 * positions,
        whole.largest * width * positions,
        whole.parameters * width**2,
    )


def normalises_one_position(name: str, stem: str, side: int) -> bool:
    """Whether batch normalisation of a single image of this side would see a single number."""
    return side <= constants(name)["ONE_POSITION"].get(stem, 0)
