"""Glyphs: labelled images rendered from the fonts that the matplotlib package ships.

Each character is a class. An image shows it in a random typeface, rotated, sheared, scaled,
shifted and coloured, over a textured and noisy background.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from basemodel.seeds import seed_of

FACES = [
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique",
    "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic",
    "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique",
    "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta",
]  # fmt: skip
MASK = 48  # pixels: a glyph is drawn once at this size, then warped into every image

# What varies from image to image. Angles, shears, scales, shifts and colours are uniform.
TURN = 15  # degrees, at most, either way
SHEAR = 0.15
SCALE = (0.75, 1.0)  # the glyph's longer side over the image's side
SHIFT = 0.06  # of the image's side, at most, either way
CONTRAST = 100  # grey levels between the means of ink and paper, at least
TEXTURE = 20  # standard deviation of the background's slow texture, in grey levels
NOISE = 8  # standard deviation of the noise, independent in each pixel, in grey levels


def render(character: str, count: int, size: int, seed: int) -> np.ndarray:
    """`count` images of one character: uint8 [count, size, size, 3].

    Raises ValueError if no shipped font has the character.
    """
    rng = np.random.default_rng(seed)
    faces = _masks(character)
    ink = np.stack([_warp(faces[rng.integers(len(faces))], size, rng) for _ in range(count)])
    ink = ink[..., None].astype(np.float32) / 255
    paper_colour, ink_colour = _colours(count, rng)
    coarse = rng.normal(0, TEXTURE, (count, 4, 4, 3)).astype(np.float32)
    paper = paper_colour[:, None, None] + _enlarge(coarse, size)
    image = paper * (1 - ink) + ink_colour[:, None, None] * ink
    image += rng.normal(0, NOISE, image.shape).astype(np.float32)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def dataset(name: str, split: str, characters: str, count: int, size: int, seed: int) -> np.ndarray:
    """All images of one split, class after class: uint8 [len(characters) * count, size, size, 3].

    Each class has its own random stream, so that adding a class changes no other.
    """
    return np.concatenate(
        [render(c, count, size, seed_of("glyphs", name, split, c, seed)) for c in characters]
    )


def splits(
    name: str, classes: list[str], counts: dict[str, int], size: int, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images, as of `dataset`, and labels, int64 [N], of each split.

    `counts`: how many images of each class a split has.
    """
    return {
        split: (
            dataset(name, split, classes, count, size, seed),
            np.repeat(np.arange(len(classes)), count),
        )
        for split, count in counts.items()
    }


def undrawn(characters: str) -> str:
    """Those that no shipped font draws: it lacks them, or they leave no ink, as blanks do."""
    return "".join(c for c in characters if next(_drawn(c), None) is None)


@cache
def _font(face: str) -> tuple[ImageFont.FreeTypeFont, frozenset[int]]:
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")
    return ImageFont.truetype(str(path), 2 * MASK), frozenset(FT2Font(str(path)).get_charmap())


def _drawn(character: str) -> Iterator[tuple[ImageFont.FreeTypeFont, tuple[float, ...]]]:
    """Every face that draws the character, and the box that it fills."""
    for face in FACES:
        font, characters = _font(face)
        if ord(character) in characters:
            left, top, right, bottom = font.getbbox(character)
            if right > left and bottom > top:
                yield font, (left, top, right, bottom)


def _masks(character: str) -> list[Image.Image]:
    """The character in every face that draws it, scaled to fit a square of MASK pixels."""
    masks = []
    for font, (left, top, right, bottom) in _drawn(character):
        ink = Image.new("L", (int(right - left), int(bottom - top)))
        ImageDraw.Draw(ink).text((-left, -top), character, fill=255, font=font)
        sides = [max(1, round(side * MASK / max(ink.size))) for side in ink.size]
        mask = Image.new("L", (MASK, MASK))
        mask.paste(ink.resize(sides, Image.Resampling.BOX), [(MASK - side) // 2 for side in sides])
        masks.append(mask)
    if not masks:
        raise ValueError(
            f"no font that matplotlib ships draws {character!r} (U+{ord(character):04X}): "
            "take it out of the data set's characters"
        )
    return masks


def _warp(mask: Image.Image, size: int, rng: np.random.Generator) -> np.ndarray:
    turn = np.deg2rad(rng.uniform(-TURN, TURN))
    shear = rng.uniform(-SHEAR, SHEAR)
    scale = rng.uniform(*SCALE) * size / MASK
    centre = size / 2 + rng.uniform(-SHIFT, SHIFT, 2) * size
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    # Pillow wants the map from a pixel of the image to a point of the mask.
    back = np.linalg.inv(scale * rotation @ np.array([[1, shear], [0, 1]]))
    offset = MASK / 2 - back @ centre
    rows = (*back[0], offset[0], *back[1], offset[1])
    warped = mask.transform((size, size), Image.Transform.AFFINE, rows, Image.Resampling.BILINEAR)
    return np.asarray(warped)


def _colours(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Paper and ink, float32 [count, 3] each: dark on light or light on dark, at random."""
    dark = rng.uniform(0, 255 - CONTRAST, (count, 1))
    light = rng.uniform(dark + CONTRAST, 255)
    hue = rng.uniform(-30, 30, (2, count, 3))
    swap = rng.random((count, 1)) < 0.5
    paper = np.where(swap, dark, light) + hue[0]
    ink = np.where(swap, light, dark) + hue[1]
    return paper.astype(np.float32), ink.astype(np.float32)


def _enlarge(coarse: np.ndarray, size: int) -> np.ndarray:
    """Bilinear enlargement of [n, s, s, c] to [n, size, size, c]."""
    at = np.linspace(0, coarse.shape[1] - 1, size)
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(coarse.shape[1]))).astype(np.float32)
    return np.einsum("ys,nstc,xt->nyxc", weights, coarse, weights, optimize=True)
