"""Data sets in their official layouts: the real loaders on miniatures, and what is missing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import miniatures
from basemodel.data import kinds
from basemodel.data.decode import square
from basemodel.data.kinds import checked_listing
from basemodel.data.listing import Counts, DataError, check_counts
from basemodel.files import read_json
from miniatures import CLASSES, IMAGENET, IMAGES, OFFICIAL
from pack_job import pack

FIRST_CLASSES = {
    "imagenet": ["n01440764", "n01440781"],
    "stanford_cars": ["Maker Model 0 2012", "Maker Model 1 2012"],
    "fgvc_aircraft": ["Maker 700-200", "Maker 701-200"],
    "dtd": ["texturea0", "textureb1"],
    "oxford_iiit_pets": ["Small Dog 0", "Great Cat 1"],
    "caltech101": ["thing_0", "thing_1"],
    "flowers102": ["pink primrose", "hard-leaved pocket orchid"],
    "cub200": ["001.Some_Bird_0", "002.Some_Bird_1"],
    "indoor67": ["room_a0", "room_b1"],
}


def listing(root, kind, exact=False, **more):
    return checked_listing(root, {"kind": kind, "title": kind, **more}, exact)


@pytest.mark.parametrize("kind", OFFICIAL)
def test_a_layout_gives_its_classes_and_splits(miniature, kind):
    found = listing(miniature, kind)
    classes = IMAGENET if kind == "imagenet" else CLASSES
    tests = 1 if kind == "caltech101" else 2
    assert found.counts == Counts(classes, classes * IMAGES, classes * tests)
    assert found.classes[:2] == FIRST_CLASSES[kind]
    for files, count in ((found.train, IMAGES), (found.test, tests)):
        assert [label for _, label in files] == np.repeat(range(classes), count).tolist()
        assert files == sorted(files, key=lambda file: (file[1], file[0]))
    assert not {file for file, _ in found.train} & {file for file, _ in found.test}


@pytest.mark.parametrize("kind", OFFICIAL)
def test_a_label_is_that_of_the_image(miniature, kind):
    """Every file's colour is its class's: paths and labels belong together."""
    found = listing(miniature, kind)
    for file, label in found.train + found.test:
        colour = np.asarray(Image.open(miniature / file)).mean((0, 1))
        assert abs(colour - miniatures.colour(label)).max() < 6, file


def test_the_papers_counts_are_the_sums_of_what_is_known_of_the_data_sets():
    """Table 4, but for Pets, whose official test list has 300 more (docs/paper.md, Design)."""
    expected = {kind: kinds.module(kind).EXPECTED for kind in OFFICIAL}
    assert expected == {
        "imagenet": Counts(1000, 1281167, 50000),
        "stanford_cars": Counts(196, 8144, 8041),
        "fgvc_aircraft": Counts(100, 6667, 3333),
        "dtd": Counts(47, 3760, 1880),
        "oxford_iiit_pets": Counts(37, 3680, 3669),
        "caltech101": Counts(102, 3060, 6084),
        "flowers102": Counts(102, 2040, 6149),
        "cub200": Counts(200, 5994, 5794),
        "indoor67": Counts(67, 5360, 1340),
    }


def test_caltech_trains_on_thirty_of_each_class_and_always_the_same(tmp_path):
    miniatures.caltech101(tmp_path, 3, 39)  # forty images a class
    found, again = listing(tmp_path, "caltech101"), listing(tmp_path, "caltech101")
    assert found.counts == Counts(3, 90, 30)
    assert np.bincount([label for _, label in found.train]).tolist() == [30, 30, 30]
    assert found.train == again.train
    assert found.classes[-1] == "BACKGROUND_Google"
    numbers = [Path(file).stem for file, label in found.train if label == 0]
    assert numbers != [Path(file).stem for file, label in found.train if label == 1]


@pytest.mark.parametrize("kind", OFFICIAL)
def test_a_miniature_is_not_taken_for_the_published_data_set(miniature, kind):
    with pytest.raises(DataError) as error:
        listing(miniature, kind, exact=True)
    if kind != "flowers102":  # whose lists torchvision compares with their checksums
        expected = kinds.module(kind).EXPECTED
        found = f"{IMAGENET if kind == 'imagenet' else CLASSES} classes instead of"
        assert f"{found} {expected.classes}, " in str(error.value)
        assert f"instead of {expected.train}, " in str(error.value)
        assert "archive that was not unpacked to its end" in str(error.value)
    assert "\n" not in str(error.value)


def test_more_images_than_published_have_another_cause():
    check_counts(Counts(2, 3, 4), Counts(2, 3, 4))
    with pytest.raises(
        DataError, match=r"^5 test images instead of 4; likely cause: files that do"
    ):
        check_counts(Counts(2, 3, 5), Counts(2, 3, 4))


@pytest.mark.parametrize("kind", OFFICIAL)
def test_each_thing_that_a_loader_needs_is_missed(copied, kind):
    dataset = {"kind": kind, "title": kind}
    needed = kinds.needed(dataset)
    for path in needed:
        whole = copied / path
        whole.rename(copied / "away")
        assert kinds.missing(copied, dataset) == [
            copied / other for other in needed if Path(other).is_relative_to(path)
        ]
        with pytest.raises(DataError, match=f"{whole}.*not there; run `snakemake fetch`"):
            checked_listing(copied, dataset, False)
        (copied / "away").rename(whole)


@pytest.mark.parametrize(
    "kind", [kind for kind in OFFICIAL if kind not in ("imagenet", "caltech101")]
)
def test_an_image_that_a_list_names_and_that_is_not_there_is_named(copied, kind):
    file, _ = listing(copied, kind).test[-1]
    (copied / file).unlink()
    with pytest.raises(DataError, match=rf"^1 images are named in its lists .*{Path(file).name}"):
        listing(copied, kind)


def test_lists_that_do_not_fit_together_are_named(copied):
    lines = copied / "CUB_200_2011/image_class_labels.txt"
    lines.write_text("".join(lines.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match="its lists do not number the same images"):
        listing(copied, "cub200")
    with (copied / "indoorCVPR_09/TestImages.txt").open("a") as file:
        file.write("\ncellar/a.jpg")
    with pytest.raises(DataError, match=r"cellar/a\.jpg: cellar is no class"):
        listing(copied, "indoor67")
    (copied / "flowers-102/setid.mat").write_text("<html>404</html>")
    with pytest.raises(DataError, match="its lists cannot be read, .*; get it"):
        listing(copied, "flowers102")


def test_what_lies_beside_right_class_folders_does_no_harm(copied, miniature):
    """What the Finder leaves behind, and the script that sorted the validation images."""
    for place in (
        "imagenet", "imagenet/train", "imagenet/val", "imagenet/val/n01440764",
        "caltech101/101_ObjectCategories", "caltech101/101_ObjectCategories/thing_0",
    ):  # fmt: skip
        (copied / place / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (copied / place / "valprep.sh").write_text("mkdir -p n01440764")
    for kind in ("imagenet", "caltech101"):
        found, clean = listing(copied, kind), listing(miniature, kind)
        assert (found.classes, found.train, found.test) == (clean.classes, clean.train, clean.test)
    assert listing(copied, "imagenet").skipped == [
        "imagenet/train/valprep.sh", "imagenet/val/n01440764/valprep.sh", "imagenet/val/valprep.sh"
    ]  # fmt: skip


def test_validation_images_that_are_half_sorted_are_said(copied, monkeypatch):
    monkeypatch.setattr(kinds.module("imagenet"), "EXPECTED", Counts(6, 30, 12))
    for file in list((copied / "imagenet/val/n01440764").iterdir())[:1]:
        file.rename(copied / "imagenet/val" / file.name)
    with pytest.raises(DataError, match="11 test images instead of 12.* 1 files are skipped") as e:
        listing(copied, "imagenet", exact=True)
    assert "1 .jpeg (imagenet/val/ILSVRC2012_val_0000000" in str(e.value)


def test_imagenets_validation_images_must_be_sorted_into_classes(copied):
    (copied / "imagenet/val/.DS_Store").touch()
    for file in list((copied / "imagenet/val").rglob("*.JPEG")):
        file.rename(copied / "imagenet/val" / file.name)
    for empty in (copied / "imagenet/val").glob("n*"):
        empty.rmdir()
    with pytest.raises(DataError, match=r"files instead of class folders; sort .* valprep\.sh"):
        listing(copied, "imagenet")


def make_folders(root, layout):
    for name, count in layout.items():
        for number in range(count):
            miniatures.image(root / "mine" / name / f"{number}.png", number, number)


def test_class_folders_with_a_split(tmp_path):
    make_folders(tmp_path, {"train/b": 3, "train/a": 2, "val/a": 1, "val/b": 1, ".hidden/x": 1})
    (tmp_path / "mine/train/a/notes.txt").write_text("no image")
    found = listing(tmp_path, "folder", path="mine")
    assert found.classes == ["a", "b"] and found.counts == Counts(2, 5, 2)
    assert found.test == [("mine/val/a/0.png", 0), ("mine/val/b/0.png", 1)]
    make_folders(tmp_path, {"test/a": 2})
    with pytest.raises(DataError, match="class b has no test images: add some, or leave the class"):
        listing(tmp_path, "folder", path="mine")
    make_folders(tmp_path, {"test/b": 1})
    assert listing(tmp_path, "folder", path="mine").counts == Counts(2, 5, 3)
    assert listing(tmp_path, "folder", path="mine").test[0][0].startswith("mine/test")


def test_class_folders_without_a_split_hold_out_a_share_of_each_class(tmp_path):
    make_folders(tmp_path, {"a": 10, "b": 4, "c": 2})
    found = listing(tmp_path, "folder", path="mine")
    assert np.bincount([label for _, label in found.test]).tolist() == [2, 1, 1]
    assert found.counts.train + found.counts.test == 16
    half = listing(tmp_path, "folder", path="mine", test_share=0.5)
    assert np.bincount([label for _, label in half.test]).tolist() == [5, 2, 1]
    assert set(found.test) < set(half.test)
    # Another class, or another file in one, moves no image of the others.
    make_folders(tmp_path, {"d": 5, "b": 5})
    more = listing(tmp_path, "folder", path="mine")
    assert [f for f in more.test if f[1] == 0] == [f for f in found.test if f[1] == 0]


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({"train/.a": 2}, "train: has no class folders"),
        ({"train/a": 2, "test/.a": 2}, "test: has no class folders"),
        ({"train/a": 2, "test/b": 1}, "test/b/0.png: b is no class"),
        ({"a": 1, "b": 3}, "a/0.png: the only image of its class"),
        ({}, "has no class folders"),
    ],
)
def test_class_folders_that_make_no_data_set_are_named(tmp_path, layout, message):
    (tmp_path / "mine").mkdir()
    make_folders(tmp_path, layout)
    with pytest.raises(DataError, match=message):
        listing(tmp_path, "folder", path="mine")


def test_a_folder_inside_a_class_folder_is_no_image_whatever_it_is_called(tmp_path):
    make_folders(tmp_path, {"a": 3, "b": 3, "b/more.jpg": 2})
    found = listing(tmp_path, "folder", path="mine")
    assert found.counts == Counts(2, 4, 2)
    assert found.skipped == ["mine/b/more.jpg/0.png", "mine/b/more.jpg/1.png"]


def test_an_empty_class_folder_is_named(tmp_path):
    make_folders(tmp_path, {"a": 3, "b": 3})
    (tmp_path / "mine/empty").mkdir()
    with pytest.raises(DataError, match=r"mine/empty: no image in this class folder"):
        listing(tmp_path, "folder", path="mine")


@pytest.mark.parametrize("kind", ["imagenet", "stanford_cars", "flowers102"])
def test_a_layout_is_packed(miniature, tmp_path, kind):
    results = pack(tmp_path / "out", miniature, {"kind": kind}, 32)
    found = listing(miniature, kind)
    rows, labels = np.load(results / "train/images.npy"), np.load(results / "train/labels.npy")
    assert labels.tolist() == [label for _, label in found.train]
    assert all(
        np.array_equal(row, square(miniature / file, 32))
        for row, (file, _) in zip(rows, found.train, strict=True)
    )
    assert read_json(results / "meta.json")["kind"] == kind


def test_a_data_set_of_the_wrong_size_is_not_packed(miniature, tmp_path):
    with pytest.raises(SystemExit, match="^images: 4 classes instead of 47, 20 train images"):
        pack(tmp_path / "out", miniature, {"kind": "dtd"}, 32, counts="paper")


DEEPER = {
    "stanford_cars": "stanford_cars/cars_train",
    "fgvc_aircraft": "fgvc-aircraft-2013b/data/images",
    "dtd": "dtd/dtd/images",
    "oxford_iiit_pets": "oxford-iiit-pet/images",
    "flowers102": "flowers-102/jpg",
    "cub200": "CUB_200_2011/images",
    "indoor67": "indoorCVPR_09/Images",
}


@pytest.mark.parametrize("kind", DEEPER)
def test_images_one_folder_too_deep_are_found(copied, kind):
    plain = listing(copied, kind)
    folder = copied / DEEPER[kind]
    folder.rename(copied / "away")
    folder.mkdir()
    (copied / "away").rename(folder / folder.name)
    found = listing(copied, kind)
    assert [label for _, label in found.train] == [label for _, label in plain.train]
    deeper = f"{DEEPER[kind]}/{folder.name}/"
    assert all(
        there == file.replace(f"{DEEPER[kind]}/", deeper)
        for (there, _), (file, _) in zip(found.train, plain.train, strict=True)
    )
    assert f"images are not quite where its lists say, but there: {deeper}" in found.notes[0]


@pytest.mark.parametrize("kind", ["stanford_cars", "cub200", "caltech101"])
def test_endings_in_capitals_are_found(copied, kind):
    plain = listing(copied, kind)
    for file in [*copied.rglob("*.jpg")]:
        file.rename(file.with_suffix(".JPG"))
    found = listing(copied, kind)
    assert [f.removesuffix(".JPG") for f, _ in found.train + found.test] == [
        f.removesuffix(".jpg") for f, _ in plain.train + plain.test
    ]


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("cub200", "CUB_200_2011/images.txt"),
        ("indoor67", "indoorCVPR_09/TrainImages.txt"),
        ("dtd", "dtd/dtd/labels/val1.txt"),
        ("oxford_iiit_pets", "oxford-iiit-pet/annotations/trainval.txt"),
        ("fgvc_aircraft", "fgvc-aircraft-2013b/data/variants.txt"),
    ],
)
def test_a_byte_order_mark_in_a_list_is_named(copied, kind, file):
    (copied / file).write_bytes(b"\xef\xbb\xbf" + (copied / file).read_bytes())
    with pytest.raises(DataError, match=f"{file}: begins with a byte order mark; save it as UTF-8"):
        listing(copied, kind)


def test_a_whole_data_set_one_folder_too_deep_is_said(copied):
    (copied / "CUB_200_2011").rename(copied / "away")
    (copied / "CUB_200_2011").mkdir()
    (copied / "away").rename(copied / "CUB_200_2011/CUB_200_2011")
    deeper = copied / "CUB_200_2011/CUB_200_2011/classes.txt"
    with pytest.raises(DataError, match=rf"classes.txt \(it is {deeper}: move it up\)"):
        listing(copied, "cub200")
