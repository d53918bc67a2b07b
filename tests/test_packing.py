"""Packing image files: the arrays, what stops it, what is dropped, kills, and memory."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import miniatures
from basemodel.data import packed
from basemodel.data.decode import square
from basemodel.files import read_json
from pack_job import FOLDER, class_folders, outputs, pack, spoil


@pytest.fixture
def images(tmp_path):
    return class_folders(tmp_path / "data")


def test_rows_labels_and_meta_are_those_of_the_files(images, tmp_path):
    results = pack(tmp_path / "out", images, FOLDER, 32)
    rows, labels = packed.load(results / "train")
    assert rows.shape == (120, 32, 32, 3) and labels.dtype == np.int64
    assert np.array_equal(labels, np.repeat([0, 1, 2], 40))
    for row in (0, 31, 32, 77, 119):
        file = images / f"mine/train/class{row // 40}/{row % 40:03d}.jpg"
        assert np.array_equal(rows[row], square(file, 32))
    middle = np.stack([rows[labels == label].mean((0, 1, 2)) for label in range(3)])
    expected = np.stack([miniatures.colour(label) for label in range(3)])
    assert abs(middle - expected).max() < 4
    meta = read_json(results / "meta.json")
    assert meta["classes"] == ["class0", "class1", "class2"]
    assert meta["images"] == {"train": 120, "test": 6} and meta["dropped"] == []
    assert meta["skipped"] == {"files": 0, "endings": []} and "title" not in meta
    assert meta["sha256"]["train"] == hashlib.sha256(np.ascontiguousarray(rows)).hexdigest()
    assert sorted(path.name for path in results.rglob("*")) == [
        "images.npy", "images.npy", "labels.npy", "labels.npy", "meta.json", "test", "train",
    ]  # fmt: skip


def test_the_file_is_what_numpy_would_have_saved(images, tmp_path):
    results = pack(tmp_path / "out", images, FOLDER, 16, threads=1)
    rows = np.load(results / "train/images.npy")
    np.save(tmp_path / "plain.npy", rows)
    assert (results / "train/images.npy").read_bytes() == (tmp_path / "plain.npy").read_bytes()


def test_files_that_cannot_be_decoded_stop_the_job_and_are_named(images, tmp_path):
    bad = spoil(images)
    with pytest.raises(SystemExit) as stopped:
        pack(tmp_path / "out", images, FOLDER, 16)
    message = str(stopped.value)
    assert message.startswith("images: 3 files cannot be decoded; repair or remove them, or set")
    assert all(str(file) in message for file in bad) and "on_error: drop" in message
    listed = read_json(tmp_path / "out/errors.json")
    assert [item["file"] for item in listed] == [
        "mine/train/class0/005.jpg",
        "mine/train/class2/039.jpg",
        "mine/test/class1/040.jpg",
    ]
    # After the repair it resumes: what was decoded is not decoded again.
    for number, file in enumerate(bad):
        miniatures.image(file, number, number)
    results = pack(tmp_path / "out", images, FOLDER, 16)
    whole = pack(tmp_path / "whole", images, FOLDER, 16)
    assert outputs(results) == outputs(whole)


def test_or_they_are_dropped_and_reported(images, tmp_path):
    whole = pack(tmp_path / "whole", images, FOLDER, 16)
    expected, _ = packed.load(whole / "train")
    spoil(images)
    results = pack(tmp_path / "out", images, {**FOLDER, "on_error": "drop"}, 16)
    rows, labels = packed.load(results / "train")
    kept = np.setdiff1d(np.arange(120), [5, 119])
    assert np.array_equal(rows, expected[kept])
    assert np.bincount(labels).tolist() == [39, 40, 39]
    meta = read_json(results / "meta.json")
    assert meta["images"] == {"train": 118, "test": 5}
    assert [item["file"] for item in meta["dropped"]] == [
        "mine/train/class0/005.jpg", "mine/train/class2/039.jpg", "mine/test/class1/040.jpg",
    ]  # fmt: skip
    assert not list(results.rglob(".*"))


def test_a_file_that_the_disk_does_not_give_is_never_dropped(images, tmp_path):
    (images / "mine/train/class0/007.jpg").unlink()
    (images / "mine/train/class0/007.jpg").symlink_to("nowhere.jpg")
    with pytest.raises(FileNotFoundError, match=r"007\.jpg"):
        pack(tmp_path / "out", images, {**FOLDER, "on_error": "drop"}, 16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"wanted": 41}, "class class0 has 40 training images, fewer than the 41 that probe."),
        ({"parts": 50}, "class class0 has 40 training images, fewer than the 50 that subsets.im"),
    ],
)
def test_too_few_images_of_a_class_stop_it_before_the_first_is_decoded(
    images, tmp_path, arguments, message
):
    with pytest.raises(SystemExit, match=message):
        pack(tmp_path / "out", images, FOLDER, 16, **arguments)
    assert not list((tmp_path / "out").rglob("*.packing"))


@pytest.mark.parametrize("source", [True, False])
@pytest.mark.parametrize("classes", ["1", "012"])
def test_a_class_without_test_images_stops_it_before_the_first_is_decoded(
    tmp_path, classes, source
):
    """In official lists, of which data_counts: any takes what is there."""
    miniatures.cub200(tmp_path / "data", 3, 4)
    lists = tmp_path / "data/CUB_200_2011"
    labels = dict(line.split() for line in (lists / "image_class_labels.txt").open())
    lines = [line.split() for line in (lists / "train_test_split.txt").open()]
    for line in lines:
        if str(int(labels[line[0]]) - 1) in classes:
            line[1] = "1"
    (lists / "train_test_split.txt").write_text("".join(f"{a} {b}\n" for a, b in lines))
    with pytest.raises(SystemExit) as stopped:
        pack(tmp_path / "out", tmp_path / "data", {"kind": "cub200"}, 16, source=source)
    name = f"00{int(classes[0]) + 1}.Some_Bird_{classes[0]}"
    more = " (2 more classes have none either)" if len(classes) > 1 else ""
    assert str(stopped.value) == (
        f"images: class {name} has no test images{more}: add some, or leave the class out"
    )
    assert not list((tmp_path / "out").rglob("*.packing"))


def test_a_folder_whose_test_lacks_a_class_stops_it(images, tmp_path):
    shutil.rmtree(images / "mine/test/class2")
    with pytest.raises(SystemExit, match="^images: class class2 has no test images: add some, or"):
        pack(tmp_path / "out", images, FOLDER, 16)


@pytest.mark.parametrize("source", [True, False])
@pytest.mark.parametrize(
    ("spoilt", "wanted", "message"),
    [
        ("test/class1/*", 1, "class class1 has no test images: add some"),
        ("test/*/*", 1, r"class class0 has no test images \(2 more classes have none either\)"),
        ("train/class2/*", 1, "class class2 has no training images: add some"),
        ("train/class2/00*", 35, "class class2 has 30 training images, fewer than the 35 that pro"),
    ],
)
def test_a_class_that_dropping_empties_stops_it_before_anything_is_finished(
    images, tmp_path, spoilt, wanted, message, source
):
    spoilt = sorted((images / "mine").glob(spoilt))
    for file in spoilt:
        file.write_text("no image")
    arguments = {"wanted": wanted, "source": source}
    with pytest.raises(SystemExit, match=message) as stopped:
        pack(tmp_path / "out", images, {**FOLDER, "on_error": "drop"}, 16, **arguments)
    start = f"images: after {len(spoilt)} files that cannot be decoded were dropped, class"
    assert str(stopped.value).startswith(start) and "\n" not in str(stopped.value)
    listed = {item["file"] for item in read_json(tmp_path / "out/errors.json")}
    assert listed == {str(file.relative_to(images)) for file in spoilt}
    assert not list((tmp_path / "out").rglob("images.npy"))
    # After the repair it resumes.
    for number, file in enumerate(spoilt):
        miniatures.image(file, number, number)
    results = pack(tmp_path / "out", images, FOLDER, 16, **arguments)
    assert outputs(results) == outputs(pack(tmp_path / "whole", images, FOLDER, 16))


def test_other_files_among_the_images_are_counted_and_said(images, tmp_path, capsys):
    mine = images / "mine"
    (mine / "train/class0/deep").mkdir()
    for number in range(3):
        shutil.copy(mine / "train/class0/000.jpg", mine / f"train/class0/deep/{number}.jpg")
    (mine / "train/class1/phone.HEIC").touch()
    (mine / "test/labels").touch()
    (mine / "test/class1/.DS_Store").touch()
    (mine / "val/class1").mkdir(parents=True)
    shutil.copy(mine / "train/class0/000.jpg", mine / "val/class1/a.jpg")
    results = pack(tmp_path / "out", images, FOLDER, 16)
    meta = read_json(results / "meta.json")
    assert meta["images"] == {"train": 120, "test": 6}
    assert meta["skipped"] == {
        "files": 6,
        "endings": [
            {"ending": ".jpg", "files": 4, "example": "mine/train/class0/deep/0.jpg"},
            {"ending": "", "files": 1, "example": "mine/test/labels"},
            {"ending": ".heic", "files": 1, "example": "mine/train/class1/phone.HEIC"},
        ],
    }
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "skipped" in line]
    assert line.startswith("images: 6 files are skipped, as they are not directly in a class fold")
    assert "4 .jpg (mine/train/class0/deep/0.jpg), 1 without an ending (mine/test/lab" in line


def misname(file):
    """Give it a name that is not UTF-8, as an old archive does."""
    file.rename(file.with_name(os.fsdecode(b"caf\xe9 ") + file.name))
    return f"caf\\xe9 {file.name}"


def names_that_are_not_utf8(images):
    """A class and three files, two of which are not images, in that order."""
    for split in ("train", "test"):
        whole = images / "mine" / split / "class1"
        whole.rename(whole.with_name(os.fsdecode(b"class\xff")))
    spoil_two = [images / "mine/train/class0/005.jpg", images / "mine/test/class0/040.jpg"]
    misname(images / "mine/train/class0/006.jpg")
    for file in spoil_two:
        file.write_text("no image")
    return [f"mine/{file.parts[-3]}/class0/{misname(file)}" for file in spoil_two]


def pack_and_print(results, images, dataset):
    command = [sys.executable, Path(__file__).with_name("pack_job.py"), results, images]
    return subprocess.run(
        [*map(str, command), json.dumps(dataset), "16"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": ""},
    )


def test_names_that_are_not_utf8_are_dropped_and_reported(images, tmp_path):
    bad = names_that_are_not_utf8(images)
    (images / "mine/train" / os.fsdecode(b"caf\xe9.heic")).touch()
    run = pack_and_print(tmp_path / "out", images, {**FOLDER, "on_error": "drop"})
    assert run.returncode == 0, run.stderr
    assert f"dropped {bad[0]}: cannot identify image file" in run.stdout
    assert "1 .heic (mine/train/caf\\xe9.heic)" in run.stdout
    meta = read_json(tmp_path / "out/meta.json")
    assert [item["file"] for item in meta["dropped"]] == bad
    assert meta["classes"] == ["class0", "class2", "class\\xff"]
    assert meta["images"] == {"train": 119, "test": 5}


def test_names_that_are_not_utf8_are_listed_when_they_stop_it(images, tmp_path):
    bad = names_that_are_not_utf8(images)
    run = pack_and_print(tmp_path / "out", images, FOLDER)
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert f"{images}/{bad[0]}: cannot identify image file" in run.stderr
    assert [item["file"] for item in read_json(tmp_path / "out/errors.json")] == bad


def test_a_class_whose_name_is_not_utf8_is_split_and_named(images, tmp_path):
    whole = images / "mine/train/class1"
    odd = whole.rename(whole.with_name(os.fsdecode(b"class\xff")))
    dataset = {"kind": "folder", "path": "mine/train"}
    run = pack_and_print(tmp_path / "out", images, dataset)
    assert run.returncode == 0, run.stderr
    assert read_json(tmp_path / "out/meta.json")["images"] == {"train": 96, "test": 24}
    for file in odd.iterdir():
        file.unlink()
    run = pack_and_print(tmp_path / "again", images, dataset)
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert "mine/train/class\\xff: no image in this class folder" in run.stderr


def test_a_full_disk_is_named_before_the_first_is_decoded(images, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 1000))
    with pytest.raises(SystemExit, match=r"\d kB are needed, .*\d kB more than are free; make"):
        pack(tmp_path / "out", images, FOLDER, 16)
