"""Folders as they come out of archives: taken as meant and said, or refused with what to write."""

import os
import unicodedata
from pathlib import Path

import pytest

from basemodel.data.folders import state
from basemodel.data.kinds import checked_listing, found_classes
from basemodel.data.listing import DataError
from basemodel.selection.division import divide
from basemodel.selection.images import choose
from test_folders import make

BOTH = {"ant": 6, "beetle": 5}


def inside(folder, layout=BOTH):
    return {f"{folder}/{name}": count for name, count in layout.items()}


# A layout, the classes of it, the split that is tested on, and a line that says how it is read.
TAKEN = {
    "a folder in a folder": (
        inside("photos"), ["ant", "beetle"], None, "read from photos/, the only folder with images"
    ),
    "and what a Mac adds": (
        {**inside("photos/photos"), "__MACOSX/photos": 2}, ["ant", "beetle"], None,
        "read from photos/photos/",
    ),
    "beside a folder without images": (
        {**inside("images"), "annotations": 0}, ["ant", "beetle"], None, "read from images/"
    ),
    "images in one more folder": (
        {"ant/images": 4, "beetle/images": 3}, ["ant", "beetle"], None,
        "the images of 2 classes lie one folder deeper, as in ant/images/",
    ),
    "capitals": (
        {**inside("Train"), **inside("Test")}, ["ant", "beetle"], "Test", "Train/ is read as train/"
    ),
    "training and testing": (
        {**inside("training"), **inside("testing")}, ["ant", "beetle"], "testing",
        "testing/ is read as test/",
    ),
    "valid": ({**inside("train"), **inside("valid")}, ["ant", "beetle"], "valid", "valid/ is read"),
    "validation": (
        {**inside("train"), **inside("validation")}, ["ant", "beetle"], "validation", "read as val/"
    ),
    "dev": ({**inside("train"), **inside("dev")}, ["ant", "beetle"], "dev", "dev/ is read as val/"),
    "splits in two folders each": (
        {**inside("seg_train/seg_train"), **inside("seg_test/seg_test")}, ["ant", "beetle"],
        "seg_test", "seg_test/seg_test/ is read as test/, seg_train/seg_train/ is read as train/",
    ),
    "training_set": (
        {**inside("training_set"), **inside("test_set")}, ["ant", "beetle"], "test_set",
        "training_set/ is read as train/",
    ),
    "test/ without labels": (
        {**inside("train"), "test": 7}, ["ant", "beetle"], None,
        "test/ is not used, as it has no class folders (7 images)",
    ),
    "test/ without labels, and val/": (
        {**inside("train"), "test": 7, **inside("val")}, ["ant", "beetle"], "val",
        "test/ is not used, as it has no class folders (7 images)",
    ),
    "test/ and val/": (
        {**inside("train"), **inside("test"), **inside("val")}, ["ant", "beetle"], "test",
        "val/ is not used, as there is test/ (11 images)",
    ),
    "what is not labelled beside train/": (
        {**inside("train"), **inside("test"), "unlabeled": 3}, ["ant", "beetle"], "test",
        "3 files are skipped",
    ),
}  # fmt: skip

# A layout, and what must stand in the line.
REFUSED = {
    "groups of classes": (
        {"animals/ant": 3, "animals/bee": 3, "plants/oak": 3},
        "animals: holds no images but folders of them (ant/, bee/). If these are the classes, "
        "name this folder",
    ),
    "beside images": ({"data/ant": 3, "data/bee": 3, "raw": 4}, "data: holds no images but folder"),
    "splits below the classes": (
        {"ant/train": 3, "ant/test": 3, "bee/train": 3, "bee/test": 3},
        "ant: holds test/, train/; put splits above the classes: test/ant/",
    ),
    "no train": ({**inside("test"), **inside("val")}, "holds test/, val/ and no train/; name one"),
    "two of a split": ({**inside("train"), **inside("Train")}, "Train/, train/ are both read as"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_a_folder_is_taken_as_meant_and_it_is_said(tmp_path, case):
    layout, classes, test, line = TAKEN[case]
    make(tmp_path / "mine", layout)
    found = divide(tmp_path / "mine")
    assert sorted(found.train) == classes
    assert any(line in problem for problem in found.problems), found.problems
    dataset = {"kind": "folder", "path": "mine"}
    packed = checked_listing(tmp_path, dataset, False)
    assert packed.classes == classes and found_classes(tmp_path, dataset) == len(classes)
    tested = {f"mine/{file}" for files in found.test.values() for file in files}
    assert {file for file, _ in packed.test} == tested
    if test:
        assert all(file.startswith(f"mine/{test}/") for file in tested)
    assert choose(tmp_path / "mine", 9)["classes"] == classes


@pytest.mark.parametrize("case", REFUSED)
def test_or_refused_with_the_folder_or_the_name_to_write(tmp_path, case):
    layout, line = REFUSED[case]
    make(tmp_path / "mine", layout)
    with pytest.raises(DataError) as refused:
        divide(tmp_path / "mine")
    assert line in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(DataError):
        checked_listing(tmp_path, {"kind": "folder", "path": "mine"}, False)


@pytest.mark.parametrize("more", [{}, {"tram/.ipynb_checkpoints": 2}, {"car/more": 2}])
def test_a_class_may_be_called_train(tmp_path, more):
    make(tmp_path, {"train": 6, "bus": 5, "car": 4, **more})
    assert [*divide(tmp_path).train] == ["bus", "car", "train"]


def test_and_have_its_images_in_one_more_folder(tmp_path):
    make(tmp_path, {"train/images": 6, "bus/images": 5})
    assert [*divide(tmp_path).train] == ["bus", "train"]


@pytest.mark.parametrize("names", [("train", "test"), ("Train", "Test"), ("train_set", "val_set")])
def test_images_directly_in_splits_are_no_classes(tmp_path, names):
    make(tmp_path, dict.fromkeys(names, 4))
    found = divide(tmp_path)
    assert not found.labelled
    assert f"{names[0]}/ holds images and no class folders, so they have no labels" in (
        found.problems
    )


def test_hidden_folders_are_none_anywhere(tmp_path):
    make(tmp_path, {"train/ant": 4, "train/bee": 4, "test/ant": 2, "test/bee": 2})
    plain = divide(tmp_path)
    make(tmp_path, {f"{at}/.ipynb_checkpoints": 2 for at in (".", "train", "train/ant", "test")})
    assert divide(tmp_path) == plain


def test_a_name_in_two_ways_to_write_accents_is_one_class(tmp_path):
    composed, apart = (unicodedata.normalize(form, "käfer") for form in ("NFC", "NFD"))
    make(tmp_path, {f"train/{composed}": 4, "train/ant": 4, f"test/{apart}": 2, "test/ant": 2})
    found = divide(tmp_path)
    assert [*found.train] == [*found.test] == ["ant", composed]
    assert len(found.test[composed]) == 2 and found.problems == []
    make(tmp_path, {f"train/{apart}": 3})
    found = divide(tmp_path)
    assert len(found.train[composed]) == 7
    assert "käfer/ is there twice, with accents written in two ways: one class" in found.problems[0]


@pytest.mark.parametrize("name", ["photos.zip", "photos.tar.gz", "Photos.RAR"])
def test_an_archive_is_to_be_unpacked(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(DataError, match=f"{name}: is an archive; unpack it, and name the folder"):
        divide(tmp_path / name)
    with pytest.raises(DataError, match=f"no image in it .*; unpack {name}"):
        divide(tmp_path)


def test_another_file_is_neither_a_folder_nor_a_table(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(DataError, match="is neither a folder nor a table of labels"):
        divide(tmp_path / "a.jpg")


# Links and special files --------------------------------------------------------------------


def test_what_changes_behind_a_link_is_noticed(tmp_path):
    make(tmp_path / "elsewhere", {"bee": 5})
    make(tmp_path / "mine", {"ant": 5})
    (tmp_path / "mine/bee").symlink_to(tmp_path / "elsewhere/bee")
    found = divide(tmp_path / "mine")
    assert [*found.train] == ["ant", "bee"] and found.problems == []
    before = state(tmp_path / "mine")
    make(tmp_path / "elsewhere", {"bee": 6})
    after = state(tmp_path / "mine")
    make(tmp_path / "elsewhere", {"wasp": 6})
    (tmp_path / "mine/bee").unlink()
    (tmp_path / "mine/bee").symlink_to(tmp_path / "elsewhere/wasp")
    assert len({before, after, state(tmp_path / "mine")}) == 3


@pytest.mark.parametrize("target", ["loop", ".", "..", "/", "ant/../."])
def test_links_in_circles_end(tmp_path, target):
    make(tmp_path / "mine", {"ant": 5, "bee": 5})
    (tmp_path / "mine/loop").symlink_to(target)
    (tmp_path / "mine/ant/loop").symlink_to(tmp_path / "mine")
    assert state(tmp_path / "mine") == state(tmp_path / "mine") != ""
    found = choose(tmp_path / "mine", 5)
    assert found["classes"] == ["ant", "bee"]
    told = [problem for problem in found["problems"] if "loop: " in problem]
    assert len(told) == 2 and "a link to a folder that it lies in, not followed" in told[0]
    if target == "loop":
        assert "cannot be read (Too many levels of symbolic links)" in told[1]


def test_a_link_to_much_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("basemodel.data.directory.MOST_ELSEWHERE", 20)
    make(tmp_path / "mine", {"ant": 5, "bee": 5})
    for number in range(30):
        (tmp_path / "system" / str(number % 3)).mkdir(parents=True, exist_ok=True)
        (tmp_path / "system" / str(number % 3) / f"{number}.so").touch()
    (tmp_path / "mine/lib").symlink_to(tmp_path / "system")
    with pytest.raises(DataError, match="lib, a link, leads to more than 20 files that are no"):
        divide(tmp_path / "mine")
    with pytest.raises(DataError, match="lib, a link"):
        state(tmp_path / "mine")


def test_what_is_no_file_is_named_and_never_opened(tmp_path):
    make(tmp_path / "mine", {"ant": 5, "bee": 5})
    os.mkfifo(tmp_path / "mine/ant/pipe.jpg")
    (tmp_path / "mine/ant/gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "mine/ant/self.jpg").symlink_to("self.jpg")
    (tmp_path / "mine/wasp").symlink_to("/nowhere")
    found = choose(tmp_path / "mine", 5)
    assert found["problems"] == [
        "ant/gone.jpg: a link that leads nowhere",
        "ant/pipe.jpg: a named pipe, no file",
        "ant/self.jpg: cannot be read (Too many levels of symbolic links)",
        "wasp: a link that leads nowhere",
    ]
    assert found["use"]["given"] == 10
    with pytest.raises(DataError, match="4 files or folders cannot be read: mine/ant/gone.jpg: a"):
        checked_listing(tmp_path, {"kind": "folder", "path": "mine"}, False)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    make(tmp_path, {"ant": 5, "bee": 5, "wasp": 5})
    (tmp_path / "wasp").chmod(0)
    try:
        assert "wasp: cannot be read (Permission denied)" in divide(tmp_path).problems
    finally:
        (tmp_path / "wasp").chmod(0o755)


# Names that are no names --------------------------------------------------------------------


def test_names_in_messages_are_printable_and_short(tmp_path):
    odd = "\x1b[31m\u202egpj"
    make(tmp_path, {"ant": 5, f"bee{odd}": 5})
    (tmp_path / "ant" / f"{odd}{'x' * 200}.png").write_text("no image")
    found = choose(tmp_path, 9)
    assert found["classes"] == ["ant", "bee\\x1b[31m\\u202egpj"]
    for problem in found["problems"]:
        assert problem.isprintable() and len(problem) < 500


def test_what_was_used_of_what_was_given_is_counted(tmp_path):
    make(tmp_path, {"ant": 40, "bee": 20, "wasp": 1})
    (tmp_path / "bee" / "x.png").write_text("no image")
    use = choose(tmp_path, 15)["use"]
    assert use["given"] == 62 == sum(n for what, n in use.items() if what not in ("given", "limit"))
    assert (use["limit"], use["probe"], use["held_out"], use["left_out"]) == (15, 30, 8 + 4, 1)
    assert use["over_limit"] + use["undecodable"] == 17 + 2


def test_no_test_image_is_decoded_when_images_are_chosen(tmp_path):
    make(tmp_path, {"train/ant": 4, "train/bee": 4, "test/ant": 2, "test/bee": 2})
    for file in (tmp_path / "test").rglob("*.png"):
        file.write_text("no image")
    found = choose(tmp_path, 5)
    assert found["problems"] == []
    assert {Path(image["file"]).parts[0] for image in found["test"]} == {"test"}
