"""Decode one image file, of any format and colour mode, as it is or to a square of pixels."""

import contextlib
import io
import stat
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, features

# The formats that are opened, recognised by content and not by suffix. Some formats that Pillow
# knows are programs, not images: it lets Ghostscript run EPS.
FORMATS = ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM"]
NEEDED = {".avif": "a Pillow with AVIF", ".heic": "pillow-heif", ".heif": "pillow-heif"}
if features.check("avif"):
    FORMATS.append("AVIF")
    del NEEDED[".avif"]
with contextlib.suppress(ImportError):  # photographs of iPhones, if the user has installed it
    from pillow_heif import register_heif_opener

    register_heif_opener()
    FORMATS.append("HEIF")
    del NEEDED[".heic"], NEEDED[".heif"]
PNG = b"\x89PNG\r\n\x1a\n"
PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # the chunks that decide what is seen
BITS, MOST, MOST_OF_TYPE = 258, 281, 341  # TIFF's BitsPerSample, MaxSampleValue, SMaxSampleValue
SHALLOW = 12  # bits of a sample in 16 bits
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
DEPTH = "basemodel_depth"  # in the `info` of a picture, see `shallow`


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

    It is turned upright by its EXIF tag, 16-bit grey is scaled to 8 bits (12-bit grey too, if a
    TIFF says that it is), and transparent pixels are put over white. A PNG whose pixels are whole
    is read without its metadata if these are damaged or too large. Raises Undecodable if it is no
    file or its content no image, OSError if the file cannot be read.
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe would wait for ever
        raise Undecodable("no file but a folder, pipe or device")
    try:
        pixels, upright = _decoded(path)
    except Undecodable as error:
        if needed := NEEDED.get(Path(path).suffix.lower()):
            raise Undecodable(f"to read it, install {needed}") from error
        bare = _without_metadata(path)
        if bare is None:
            raise
        pixels, upright = _decoded(bare)
    if max(pixels.size) > LONGEST * min(pixels.size):
        raise Undecodable(f"{pixels.width} x {pixels.height} pixels are a line, not an image")
    return pixels if upright is None else pixels.transpose(upright)


def meant(image: Image.Image) -> Image.Image:
    """What `picture` makes of an image that Pillow has opened or made. Raises ValueError if its
    white is not known."""
    pixels, upright = _rgb(image), UPRIGHT.get(_orientation(image))
    return pixels if upright is None else pixels.transpose(upright)


def shallow(image: Image.Image) -> int | None:
    """The bits that a picture's values need, if they are stored in 16 and SHALLOW would do.

    It is nearly black then, perhaps because its white is not that of 16 bits.
    """
    return image.info.get(DEPTH)


def _decoded(file: str | Path | io.BytesIO) -> tuple[Image.Image, Image.Transpose | None]:
    try:
        with Image.open(file, formats=FORMATS) as image:
            deep = image.format in ("PNG", "TIFF") and ";16" in str([of[3] for of in image.tile])
            image.load()  # this turns a TIFF upright by itself and removes the tag
            pixels = _rgb(image)
            pixels.info.pop(DEPTH, None)
            if deep and 0 < (bits := _bits(image)) <= SHALLOW:
                pixels.info[DEPTH] = bits
            return pixels, UPRIGHT.get(_orientation(image))
    except OSError as error:
        if error.errno is not None:
            raise  # the fault of the disk or a missing file, not of the content
        raise Undecodable(str(error)) from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins may raise anything on damaged files
        raise Undecodable(f"{type(error).__name__}: {error}") from error


def _without_metadata(path: str | Path) -> io.BytesIO | None:
    """A PNG's chunks that decide what is seen, and its EXIF data if they are intact.

    None if the file is no PNG. Pillow reads no image with a wrong checksum anywhere, or with text
    or a colour profile of more than 1 MB.
    """
    with Path(path).open("rb") as file:
        if file.read(len(PNG)) != PNG:
            return None
        data = PNG + file.read()
    kept, start = [PNG], len(PNG)
    while start + 12 <= len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        kind, body, check = (
            data[start + 4 : start + 8],
            data[start + 4 : end - 4],
            data[end - 4 : end],
        )
        whole = zlib.crc32(body) == int.from_bytes(check, "big")
        if kind in PNG_PIXELS or (kind == b"eXIf" and whole):
            kept.append(data[start:end])
        start = end
    return io.BytesIO(b"".join(kept))


def _bits(image: Image.Image) -> int:
    """The bits that the largest value of a 16-bit image needs, or 16 if the file says how many.

    Of colours Pillow keeps the upper 8 bits.
    """
    if image.mode.startswith("I"):
        return int(np.asarray(image).max()).bit_length() if _depth(image) == 16 else 16
    high = max(high for _, high in image.convert("RGB").getextrema())
    return high.bit_length() + 8 if high else 0


def _depth(image: Image.Image) -> int:
    """How many bits the values of a 16-bit grey image have, as far as the file says."""
    tags = getattr(image, "tag_v2", {})
    bits = _first(tags.get(BITS, 16))
    for tag in (MOST, MOST_OF_TYPE):
        if tag in tags:
            bits = min(bits, int(_first(tags[tag])).bit_length())
    return bits if 8 < bits < 16 and int(np.asarray(image).max()) < 2**bits else 16


def _first(value: object) -> int:
    return value[0] if isinstance(value, tuple) else value


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
        white = 2 ** _depth(image) - 1
        return Image.fromarray(((grey * 255 + white // 2) // white).astype(np.uint8)).convert("RGB")
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
