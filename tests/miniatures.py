"""Miniature copies of the official layouts of nine data sets: real JPEGs, .mat files, split lists.

    python tests/miniatures.py FOLDER [CLASSES IMAGES IMAGENET_CLASSES]

Every class has a colour of its own, so that a network can tell them apart and a test can tell
which image it sees.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

SIDES = (96, 72)  # width and height; every third image is upright instead

# Of the miniature that tests share: classes, images of each, and ImageNet's classes.
CLASSES, IMAGES, IMAGENET = 4, 5, 6
OFFICIAL = [
    "imagenet", "stanford_cars", "fgvc_aircraft", "dtd", "oxford_iiit_pets", "caltech101",
    "flowers102", "cub200", "indoor67",
]  # fmt: skip


def colour(label: int) -> np.ndarray:
    """A colour for a class, int64 [3], far from its neighbours'."""
    return np.array([37 + 61 * label, 199 + 83 * label, 97 + 149 * label]) % 206 + 25


def image(path: Path, label: int, number: int) -> None:
    """A JPEG of the class's colour with some texture."""
    width, height = SIDES if number % 3 else SIDES[::-1]
    rng = np.random.default_rng([label, number])
    texture = rng.normal(0, 6, (height, width, 1))
    pixels = np.clip(colour(label) + texture, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def mat(path: Path, **values) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, values)


def build(root: str | Path, classes: int = 3, images: int = 5, imagenet: int = 40) -> None:
    """All nine below `root`: `classes` classes of `images` training and 2 test images each.

    ImageNet has `imagenet` classes. Caltech-101, which has no split, has `images` + 1 images per
    class. Where a training set has two official parts, the second has one image per class.
    """
    root = Path(root)
    for make in (
        stanford_cars, fgvc_aircraft, dtd, oxford_iiit_pets, caltech101, flowers102, cub200,
        indoor67,
    ):  # fmt: skip
        make(root, classes, images)
    imagenet_folders(root, imagenet, images)


def stanford_cars(root: Path, classes: int, images: int) -> None:
    folder = root / "stanford_cars"
    fields = [(name, object) for name in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")]
    for split, count, where in (
        ("train", images, "devkit/cars_train_annos.mat"),
        ("test", 2, "cars_test_annos_withlabels.mat"),
    ):
        rows, total = [], 0
        for number in range(count):  # not ordered by class, as in the real list
            for label in range(classes):
                total += 1
                file = f"{total:05d}.jpg"
                image(folder / f"cars_{split}" / file, label, number)
                rows.append((1, 1, 50, 50, np.uint8(label + 1), file))
        dtype = [*fields, ("class", object), ("fname", object)]
        mat(folder / where, annotations=np.array(rows, dtype=dtype)[None])
    names = np.array([f"Maker Model {label} 2012" for label in range(classes)], dtype=object)
    mat(folder / "devkit/cars_meta.mat", class_names=names[None])


def fgvc_aircraft(root: Path, classes: int, images: int) -> None:
    data = root / "fgvc-aircraft-2013b" / "data"
    names = [f"Maker {700 + label}-200" for label in range(classes)]
    write(data / "variants.txt", names)
    lists, total = {"train": [], "val": [], "test": []}, 1000000
    for label, name in enumerate(names):
        for number in range(images + 2):
            total += 1
            image(data / "images" / f"{total}.jpg", label, number)
            split = "test" if number >= images else "val" if number == 0 else "train"
            lists[split].append(f"{total} {name}")
    lists["trainval"] = sorted(lists["train"] + lists["val"])
    for split, lines in lists.items():
        write(data / f"images_variant_{split}.txt", lines)


def dtd(root: Path, classes: int, images: int) -> None:
    folder = root / "dtd" / "dtd"
    lists = {"train": [], "val": [], "test": []}
    for label in range(classes):
        name = f"texture{chr(97 + label % 26)}{label}"
        for number in range(images + 2):
            file = f"{name}/{name}_{number:04d}.jpg"
            image(folder / "images" / file, label, number)
            split = "test" if number >= images else "val" if number == 0 else "train"
            lists[split].append(file)
    for split, lines in lists.items():
        write(folder / "labels" / f"{split}1.txt", lines)


def oxford_iiit_pets(root: Path, classes: int, images: int) -> None:
    folder = root / "oxford-iiit-pet"
    lists = {"trainval": [], "test": []}
    for label in range(classes):
        # Cats have capitals, dogs do not, and the list is in neither order.
        name = f"Great_Cat_{label}" if label % 2 else f"small_dog_{label}"
        for number in range(1, images + 3):
            image(folder / "images" / f"{name}_{number}.jpg", label, number)
            line = f"{name}_{number} {label + 1} {2 - label % 2} {label // 2 + 1}"
            lists["trainval" if number <= images else "test"].append(line)
    for split, lines in lists.items():
        write(folder / "annotations" / f"{split}.txt", lines)


def caltech101(root: Path, classes: int, images: int) -> None:
    folder = root / "caltech101" / "101_ObjectCategories"
    names = [f"thing_{label}" for label in range(classes - 1)] + ["BACKGROUND_Google"]
    for label, name in enumerate(names):
        for number in range(1, images + 2):
            image(folder / name / f"image_{number:04d}.jpg", label, number)
    (folder / "BACKGROUND_Google" / "tmp").write_text("as in the real archive")


def flowers102(root: Path, classes: int, images: int) -> None:
    folder = root / "flowers-102"
    ids, labels = {"trnid": [], "valid": [], "tstid": []}, []
    for label in range(classes):
        for number in range(images + 2):
            labels.append(label + 1)
            image(folder / "jpg" / f"image_{len(labels):05d}.jpg", label, number)
            split = "tstid" if number >= images else "valid" if number == 0 else "trnid"
            ids[split].append(len(labels))
    mat(folder / "imagelabels.mat", labels=np.array(labels, np.uint8)[None])
    mat(folder / "setid.mat", **{key: np.array(value)[None] for key, value in ids.items()})


def cub200(root: Path, classes: int, images: int) -> None:
    folder = root / "CUB_200_2011"
    lists = {name: [] for name in ("images", "image_class_labels", "train_test_split")}
    names = [f"{label + 1:03d}.Some_Bird_{label}" for label in range(classes)]
    for label, name in enumerate(names):
        for number in range(images + 2):
            index = len(lists["images"]) + 1
            file = f"{name}/Some_Bird_{number:04d}_{index}.jpg"
            image(folder / "images" / file, label, number)
            lists["images"].append(f"{index} {file}")
            lists["image_class_labels"].append(f"{index} {label + 1}")
            lists["train_test_split"].append(f"{index} {int(number < images)}")
    lists["classes"] = [f"{label + 1} {name}" for label, name in enumerate(names)]
    for name, lines in lists.items():
        write(folder / f"{name}.txt", lines)


def indoor67(root: Path, classes: int, images: int) -> None:
    folder = root / "indoorCVPR_09"
    lists = {"Train": [], "Test": []}
    for label in range(classes):
        name = f"room_{chr(97 + label % 26)}{label}"
        for number in range(images + 2):
            file = f"{name}/some{number} room_gif.jpg"
            image(folder / "Images" / file, label, number)
            lists["Train" if number < images else "Test"].append(file)
    for split, lines in lists.items():
        # The official lists end without a line break.
        (folder / f"{split}Images.txt").write_text("\n".join(lines))


def imagenet_folders(root: Path, classes: int, images: int) -> None:
    for label in range(classes):
        name = f"n{1440764 + 17 * label:08d}"
        for number in range(images):
            image(root / "imagenet/train" / name / f"{name}_{number}.JPEG", label, number)
        for number in range(2):
            file = f"ILSVRC2012_val_{2 * label + number + 1:08d}.JPEG"
            image(root / "imagenet/val" / name / file, label, images + number)


if __name__ == "__main__":
    build(sys.argv[1], *map(int, sys.argv[2:]))
