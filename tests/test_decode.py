"""Image files of every kind come out as the pixels that a person would see."""

import os
import struct
import zlib
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, features
from torchvision import transforms

from basemodel.data.decode import Undecodable, picture, shallow, square

RED, GREEN, BLUE = (200, 30, 40), (20, 180, 60), (30, 60, 210)


def quarters() -> Image.Image:
    """48 x 32: red left above, green right above, blue below."""
    pixels = np.empty((32, 48, 3), np.uint8)
    pixels[:16, :24], pixels[:16, 24:], pixels[16:] = RED, GREEN, BLUE
    return Image.fromarray(pixels)


def flat(mode, colour, size=(40, 30)):
    return Image.new(mode, size, colour)


def seen(path, side=16):
    image = square(path, side)
    assert image.shape == (side, side, 3) and image.dtype == np.uint8
    return image


def assert_colour(pixels, expected, within):
    assert abs(pixels.reshape(-1, 3).astype(int) - expected).max() <= within, pixels.reshape(-1, 3)


@pytest.mark.parametrize("size", [(400, 301), (301, 400), (97, 97), (64, 64), (65, 64), (33, 500)])
def test_the_pixels_are_those_of_torchvisions_resize_and_crop(tmp_path, size):
    rng = np.random.default_rng(size)
    image = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    image.save(tmp_path / "a.jpg", quality=90)
    theirs = transforms.Compose([transforms.Resize(64), transforms.CenterCrop(64)])
    with Image.open(tmp_path / "a.jpg") as again:
        expected = np.asarray(theirs(again.convert("RGB")))
    assert np.array_equal(square(tmp_path / "a.jpg", 64), expected)


@pytest.mark.parametrize(
    ("name", "image", "expected", "within"),
    [
        ("grey.jpg", flat("L", 140), (140, 140, 140), 1),
        ("grey.png", flat("L", 140), (140, 140, 140), 0),
        ("bits.png", flat("1", 1), (255, 255, 255), 0),
        ("colour.jpg", flat("RGB", RED), RED, 3),
        # Cyan 0.2, magenta 0.8, yellow 0.4 over black 0: light is what the inks leave.
        ("cmyk.jpg", flat("CMYK", (51, 204, 102, 0)), (204, 51, 153), 4),
        ("cmyk.tif", flat("CMYK", (51, 204, 102, 0)), (204, 51, 153), 1),
        ("palette.png", flat("RGB", GREEN).quantize(4), GREEN, 0),
        ("palette.gif", flat("RGB", GREEN).quantize(4), GREEN, 0),
        ("alpha.png", flat("RGBA", (*RED, 255)), RED, 0),
        ("clear.png", flat("RGBA", (*RED, 0)), (255, 255, 255), 0),
        ("half.png", flat("RGBA", (200, 100, 0, 51)), (244, 224, 204), 1),
        ("grey_alpha.png", flat("LA", (100, 255)), (100, 100, 100), 0),
        ("grey_clear.png", flat("LA", (100, 51)), (224, 224, 224), 1),
        ("colour.webp", flat("RGB", RED), RED, 8),
        ("colour.bmp", flat("RGB", RED), RED, 0),
    ],
)
def test_a_colour_mode_comes_out_right(tmp_path, name, image, expected, within):
    image.save(tmp_path / name)
    assert_colour(seen(tmp_path / name), expected, within)


def test_a_transparent_palette_colour_shows_white(tmp_path):
    image = quarters().quantize(4)
    clear = image.getpixel((0, 0))
    image.save(tmp_path / "a.png", transparency=clear)
    with Image.open(tmp_path / "a.png") as again:
        assert again.mode == "P"
    pixels = seen(tmp_path / "a.png", 32)
    assert_colour(pixels[:14, :14], (255, 255, 255), 0)
    assert_colour(pixels[:14, -14:], GREEN, 0)


def test_a_transparent_colour_of_a_colour_image_shows_white(tmp_path):
    quarters().save(tmp_path / "a.png", transparency=RED)
    pixels = seen(tmp_path / "a.png", 32)
    assert_colour(pixels[:14, :14], (255, 255, 255), 0)
    assert_colour(pixels[-14:], BLUE, 0)


@pytest.mark.parametrize("name", ["grey.png", "grey.tif"])
@pytest.mark.parametrize(("deep", "expected"), [(0, 0), (65535, 255), (32896, 128), (25700, 100)])
def test_sixteen_bit_grey_is_scaled_not_cut_off(tmp_path, name, deep, expected):
    Image.fromarray(np.full((30, 40), deep, np.uint16)).save(tmp_path / name)
    assert_colour(seen(tmp_path / name), (expected,) * 3, 0)


def test_sixteen_bit_grey_of_the_other_byte_order(tmp_path):
    pixels = np.full((30, 40), 25700, ">u2")
    Image.frombytes("I;16B", (40, 30), pixels.tobytes()).save(tmp_path / "grey.tif")
    assert_colour(seen(tmp_path / "grey.tif"), (100, 100, 100), 0)


def chunk(kind, data, wrong=0):
    """A chunk of a PNG file."""
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body) ^ wrong)


def test_sixteen_bit_colour(tmp_path):
    row = b"\0" + np.tile(np.array([51400, 7710, 10280], ">u2"), 40).tobytes()
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 30, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(row * 30))
        + chunk(b"IEND", b"")
    )
    assert_colour(seen(tmp_path / "a.png"), (200, 30, 40), 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {"quality": 100, "subsampling": 0}),
        ("a.png", {}),
        ("a.webp", {"lossless": True}),
        ("plain.tif", {}),
        ("lzw.tif", {"compression": "tiff_lzw"}),
        ("jpeg.tif", {"compression": "jpeg", "quality": 100}),
    ],
)
def test_an_image_is_upright_however_the_camera_was_held(tmp_path, orientation, name, options):
    """What is stored is the scene turned; the tag says how to turn it back."""
    turns = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = quarters()
    for turn in turns[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / name, exif=exif, **options)
    pixels = seen(tmp_path / name, 32)
    assert_colour(pixels[2:14, 2:14], RED, 5)
    assert_colour(pixels[2:14, -14:-2], GREEN, 5)
    assert_colour(pixels[-14:-2, 2:-2], BLUE, 5)


def test_postscript_is_never_run_whatever_the_file_is_called(tmp_path, monkeypatch):
    """Pillow would hand EPS to Ghostscript, a program that runs what the file says."""
    program, ran = tmp_path / "bin" / "gs", tmp_path / "ran"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # looked for at the first EPS
    script = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "a.jpg").write_text(script)
    with pytest.raises(Undecodable, match="cannot identify image file"):
        square(tmp_path / "a.jpg", 16)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("name", "written_as"),
    [("photo.jpg", "PNG"), ("photo.png", "JPEG"), ("photo.gif", "WEBP"), ("photo.jpg", "MPO")],
)
def test_a_files_content_decides_what_it_is_not_its_ending(tmp_path, name, written_as):
    flat("RGB", RED).save(tmp_path / name, written_as)
    assert_colour(seen(tmp_path / name), RED, 8)


def test_files_that_are_no_images_are_told_from_files_that_cannot_be_read(tmp_path):
    quarters().save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "page.jpg").write_text("<html>404</html>")
    (tmp_path / "empty.jpg").touch()
    Image.new("F", (8, 8), 0.5).save(tmp_path / "float.tif")
    Image.new("RGB", (5, 1000)).save(tmp_path / "line.png")
    for name in ("half.jpg", "page.jpg", "empty.jpg", "float.tif", "line.png"):
        with pytest.raises(Undecodable):
            square(tmp_path / name, 16)
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg"):
        with pytest.raises(Undecodable, match="no file but a folder, pipe or device"):
            square(tmp_path / name, 16)
    with pytest.raises(FileNotFoundError):
        square(tmp_path / "missing.jpg", 16)


def test_damaged_metadata_spoils_no_image(tmp_path):
    flat("RGB", RED).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f broken")
    assert_colour(seen(tmp_path / "a.jpg"), RED, 3)


@pytest.mark.parametrize(
    ("tags", "deep", "expected"),
    [
        ({281: 4095}, 4095, 255),  # MaxSampleValue
        ({281: 3187}, 2048, 128),  # the largest there is, of 12 bits
        ({341: 1023}, 1023, 255),  # SMaxSampleValue
        ({281: 4095}, 25700, 100),  # the file is wrong
        ({281: 65535}, 25700, 100),
    ],
)
def test_grey_is_scaled_by_the_depth_that_a_tiff_says(tmp_path, tags, deep, expected):
    pixels = Image.fromarray(np.full((30, 40), deep, np.uint16))
    pixels.save(tmp_path / "a.tif", tiffinfo=tags)
    assert_colour(seen(tmp_path / "a.tif"), (expected,) * 3, 0)
    assert shallow(picture(tmp_path / "a.tif")) is None


def test_twelve_bits_that_are_stored_as_twelve(tmp_path):
    """Two values in three bytes."""
    tags = {256: 40, 257: 30, 258: 12, 259: 1, 262: 1, 273: 0, 277: 1, 278: 30, 279: 1800}
    entries = [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags.items()]
    start = 8 + 2 + 12 * len(tags) + 4
    entries[5] = struct.pack("<HHIHH", 273, 3, 1, start, 0)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    (tmp_path / "a.tif").write_bytes(head + b"".join(entries) + bytes(4) + b"\x80\x08\x00" * 600)
    with Image.open(tmp_path / "a.tif") as image:
        assert image.mode == "I;16" and image.getpixel((0, 0)) == 2048
    assert seen(tmp_path / "a.tif", 30).max() == 128


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
@pytest.mark.parametrize(("deep", "bits"), [(4095, 12), (300, 9), (4096, None), (0, None)])
def test_few_bits_in_sixteen_are_noticed(tmp_path, name, deep, bits):
    Image.fromarray(np.full((30, 40), deep, np.uint16)).save(tmp_path / name)
    assert shallow(picture(tmp_path / name)) == bits
    assert_colour(seen(tmp_path / name), (round(deep * 255 / 65535),) * 3, 0)


def test_few_bits_of_colours_are_noticed(tmp_path):
    row = b"\0" + np.tile(np.array([4000, 100, 0], ">u2"), 40).tobytes()
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 30, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(row * 30))
        + chunk(b"IEND", b"")
    )
    assert shallow(picture(tmp_path / "a.png")) == 12
    flat("RGB", (3, 3, 3)).save(tmp_path / "b.png")
    assert shallow(picture(tmp_path / "b.png")) is None


LARGE = zlib.compress(bytes(3_000_000))


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"iCCP", b"profile\0\0" + LARGE),
        chunk(b"zTXt", b"Comment\0\0" + LARGE),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + LARGE),
        chunk(b"tEXt", b"Comment\0short", wrong=1),
        chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0\0\0\0\0", wrong=1),
        chunk(b"tEXt", b"Comment\0" + b"x" * 3_000_000, wrong=1),
    ],
    ids=["profile", "text", "text in UTF-8", "checksum", "checksum of EXIF", "both"],
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_metadata_of_a_png_spoils_no_pixels(tmp_path, extra, place):
    quarters().save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    at = 33 if place == "before" else len(data) - 12  # after IHDR, or before IEND
    (tmp_path / "a.png").write_bytes(data[:at] + extra + data[at:])
    assert np.array_equal(seen(tmp_path / "a.png"), seen(tmp_path / "whole.png"))


def test_broken_pixels_of_a_png_are_refused(tmp_path):
    quarters().save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    start = data.index(b"IDAT")
    size = int.from_bytes(data[start - 4 : start], "big")
    data[start + 4 + size // 2] ^= 0xFF
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(Undecodable):
        square(tmp_path / "a.png", 16)
    whole = bytes(data[:33]) + chunk(b"tEXt", b"a\0b", wrong=1) + bytes(data[33:])
    (tmp_path / "a.png").write_bytes(whole)
    with pytest.raises(Undecodable):
        square(tmp_path / "a.png", 16)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_an_image(tmp_path):
    quarters().save(tmp_path / "a.avif", quality=100)
    pixels = seen(tmp_path / "a.avif", 32)
    assert_colour(pixels[2:12, 2:12], RED, 12)


@pytest.mark.skipif(find_spec("pillow_heif") is not None, reason="pillow-heif reads them")
def test_heic_names_what_reads_it(tmp_path):
    (tmp_path / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40))
    with pytest.raises(Undecodable, match="to read it, install pillow-heif"):
        square(tmp_path / "a.HEIC", 16)
