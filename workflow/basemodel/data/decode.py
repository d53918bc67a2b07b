"""Decode one image file, of any format and colour mode, as it is or to a square of pixels."""

import stat
from pathlib import Path

import numpy as np
from PIL import Image

# The formats that are opened, recognised by content and not by suffix. Some formats that Pillow
# knows are programs, not images: it lets Ghostscript run EPS.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
ORIENTATION = 0x0112  # the EXIF tag: how the camera was held
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PAPER = (255, 255, 255)  # what shows through transparent pixels
LONGEST = 100  # longer side over shorter side: a longer image may not fit in memory when enlarged


class Undecodable(ValueError):
    """A file whose content cannot be decoded as an image."""


def square(path: str | Path, side: int) -> np.ndarray:
    """Scale an image's shorter side to `side` pixels and crop the centre: uint8 [side, side, 3].

    The pixels are those of torchvision's Resize(side) and CenterCrop(side) on the image as it is
    meant to be seen. Raises as `picture` does.
    """
    return squared(picture(path), side)


def squared(image: Image.Image, side: int) -> np.ndarray:
    """What `square` makes of an image that is decoded already."""
    return np.asarray(_crop(_resize(image, side), side))


def picture(path: str | Path) -> Image.Image:
    """An image as it is meant to be seen, mode RGB, in its own size.

    It is turned upright by its EXIF tag, 16-bit grey is scaled to 8 bits, and transparent pixels
    are put over white. Raises Undecodable if it is no file or its content no image, OSError if the
    file cannot be read.
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe would wait for ever
        raise Undecodable("no file but a folder, pipe or device")
    try:
        with Image.open(path, formats=FORMATS) as image:
            image.load()  # this turns a TIFF upright by itself and removes the tag
            upright = UPRIGHT.get(_orientation(image))
            pixels = _rgb(image)
    except OSError as error:
        if error.errno is not None:
            raise  # the fault of the disk or a missing file, not of the content
        raise Undecodable(str(error)) from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins may raise anything on damaged files
        raise Undecodable(f"{type(error).__name__}: {error}") from error
    if max(pixels.size) > LONGEST * min(pixels.size):
        raise Undecodable(f"{pixels.width} x {pixels.height} pixels are a line, not an image")
    return pixels if upright is None else pixels.transpose(upright)


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged metadata in an intact image
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow would clip 16-bit values at 255.
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError("32-bit pixels, whose white is not known")
        return Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating point pixels, whose white is not known")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (*PAPER, 255))
        return Image.alpha_composite(paper, layer).convert("RGB")
    if image.mode == "RGB":
        return image  # converting would copy it, with the interpreter's lock held
    return image.convert("RGB")


def _resize(image: Image.Image, side: int) -> Image.Image:
    """Scale the shorter side to `side`; the longer one is rounded down, as in torchvision."""
    width, height = image.size
    if width <= height:
        size = side, int(side * height / width)
    else:
        size = int(side * width / height), side
    return image if image.size == size else image.resize(size, Image.Resampling.BILINEAR)


def _crop(image: Image.Image, side: int) -> Image.Image:
    width, height = image.size
    left, top = round((width - side) / 2), round((height - side) / 2)
    return image.crop((left, top, left + side, top + side))
