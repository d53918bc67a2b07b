"""Which images candidates are compared on, whatever folder the user has."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

import jobs
from basemodel.data.folders import state
from basemodel.data.listing import DataError
from basemodel.selection.division import divide
from basemodel.selection.images import choose
from noise import noise

PARAMS = {
    "state": "", "images_per_class": 5, "near_copies": "report", "pixels": True, "task": "auto"
}  # fmt: skip


def image(path):
    noise(path, 40, 30)


def classes(folder, **counts):
    for name, count in counts.items():
        for number in range(count):
            image(folder / name / f"{number:03}.png")
    return folder


def of(chosen, split):
    """The files of each class."""
    found = {}
    for facts in chosen[split]:
        label = facts["label"]
        name = None if label is None else chosen["classes"][label]
        found.setdefault(name, []).append(facts["file"])
    return found


def test_images_without_a_split(tmp_path):
    chosen = choose(classes(tmp_path, beetle=20, ant=10), 6)
    assert chosen["classes"] == ["ant", "beetle"]
    probe, test = of(chosen, "probe"), of(chosen, "test")
    assert {name: len(files) for name, files in probe.items()} == {"ant": 6, "beetle": 6}
    assert chosen["counts"] == [8, 16]
    assert {name: len(files) for name, files in test.items()} == {"ant": 2, "beetle": 4}
    for name in probe:
        assert not set(probe[name]) & set(test[name])
        assert probe[name] == sorted(probe[name])
        assert all(Path(file).parent == Path(name) for file in probe[name])
    assert chosen["problems"] == []
    assert (chosen["probe"][0]["width"], chosen["probe"][0]["height"]) == (40, 30)


def test_images_with_a_split(tmp_path):
    classes(tmp_path / "train", ant=5, beetle=4)
    classes(tmp_path / "val", ant=2, cricket=2)
    chosen = choose(tmp_path, 30)
    assert of(chosen, "probe") == {
        "ant": [f"train/ant/00{i}.png" for i in range(5)],
        "beetle": [f"train/beetle/00{i}.png" for i in range(4)],
    }
    assert of(chosen, "test") == {"ant": ["val/ant/000.png", "val/ant/001.png"]}
    assert chosen["problems"] == [
        "class cricket is in val/ but not in train/: its images are not used",
        "no image to test on: beetle",
    ]


def test_of_images_with_train_alone_some_are_held_out(tmp_path, monkeypatch):
    classes(tmp_path / "train", ant=10, beetle=10)
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    chosen = choose(f"~/{tmp_path.name}", 30)
    assert chosen["classes"] == ["ant", "beetle"]
    assert (len(chosen["probe"]), len(chosen["test"])) == (16, 4)
    assert Path(chosen["folder"], chosen["probe"][0]["file"]).is_file()
    assert state(f"~/{tmp_path.name}") == state(tmp_path) != ""


def test_the_choice_depends_on_names_alone(tmp_path):
    first = choose(classes(tmp_path / "a", ant=30, beetle=30), 10)
    classes(tmp_path / "b", beetle=30, cricket=7)  # made in another order, another class beside it
    second = choose(classes(tmp_path / "b", ant=30), 10)
    for split in ("probe", "test"):
        assert of(second, split)["ant"] == of(first, split)["ant"]
        assert of(second, split)["ant"] != of(second, split)["beetle"]


def test_more_images_per_class_keep_those_chosen_and_the_test_images(tmp_path):
    classes(tmp_path, ant=30, beetle=30)
    few, many = choose(tmp_path, 5), choose(tmp_path, 12)
    assert few["test"] == many["test"]
    assert {f["file"] for f in few["probe"]} < {f["file"] for f in many["probe"]}


def test_what_cannot_be_decoded_is_replaced_and_told(tmp_path):
    classes(tmp_path, ant=20, beetle=20)
    taken = of(choose(tmp_path, 5), "probe")["ant"]
    (tmp_path / taken[2]).write_text("<html>")
    (tmp_path / taken[3]).write_bytes((tmp_path / taken[3]).read_bytes()[:60])
    chosen = choose(tmp_path, 5)
    now = of(chosen, "probe")["ant"]
    assert len(now) == 5
    assert not {taken[2], taken[3]} & set(now)
    assert not set(now) & {f["file"] for f in chosen["test"]}
    assert len(chosen["problems"]) == 2
    assert all("is left out: " in problem for problem in chosen["problems"])
    assert any(problem.startswith(taken[2]) for problem in chosen["problems"])


def test_classes_that_are_too_small_are_left_out_and_told(tmp_path):
    classes(tmp_path, ant=5, beetle=9, cricket=1, dragonfly=2)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").touch()
    for number in range(2, 5):
        (tmp_path / "beetle" / f"00{number}.png").write_bytes(b"")
    chosen = choose(tmp_path, 30)
    assert chosen["classes"] == ["ant", "beetle", "dragonfly"]
    assert len(of(chosen, "probe")["dragonfly"]) == 2
    text = "\n".join(chosen["problems"])
    assert "class cricket is left out: it has only 1 image" in text
    assert "class empty is left out: it has no image" in text
    assert "class notes is left out: it has no image" in text
    assert "no image to test on: " in text
    assert "dragonfly" in text


def test_a_class_whose_images_are_all_broken_is_left_out(tmp_path):
    classes(tmp_path, ant=5, beetle=5, cricket=3)
    for file in (tmp_path / "beetle").iterdir():
        file.write_bytes(b"GIF89a")
    chosen = choose(tmp_path, 30)
    assert chosen["classes"] == ["ant", "cricket"]
    assert {f["label"] for f in chosen["probe"]} == {0, 1}
    assert "class beetle is left out: 0 images can be decoded" in chosen["problems"]


@pytest.mark.parametrize("layout", ["flat", "nested", "one class"])
def test_without_class_folders_images_are_unlabelled(tmp_path, layout):
    place = {"flat": "", "nested": "2023/may", "one class": "ant"}[layout]
    for number in range(30):
        image(tmp_path / place / f"{number:02}.jpg")
    chosen = choose(tmp_path, 2)
    assert chosen["classes"] == []
    assert {f["label"] for f in chosen["probe"]} == {None}
    assert len(chosen["probe"]) == 20
    assert chosen["test"] == []
    assert "taken as unlabelled" in chosen["problems"][-1]


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(DataError, match="no image in it .looked for .jpg"):
        choose(tmp_path, 5)
    with pytest.raises(DataError, match="there is no such folder; correct its name"):
        choose(tmp_path / "missing", 5)
    (tmp_path / "a.jpg").write_text("<html>")
    with pytest.raises(DataError, match=r"a.jpg is left out: .*too few images"):
        choose(tmp_path, 5)


def test_hidden_files_and_other_endings_are_skipped(tmp_path):
    classes(tmp_path, ant=4, beetle=4)
    image(tmp_path / ".thumbnails" / "a.png")
    image(tmp_path / "ant" / ".hidden.png")
    image(tmp_path / "ant" / "more" / "a.png")
    (tmp_path / "ant" / "notes.txt").touch()
    chosen = choose(tmp_path, 30)
    assert chosen["classes"] == ["ant", "beetle"]
    assert chosen["counts"] == [3, 3]
    [told] = chosen["problems"]
    assert told.startswith("2 files are skipped")


def test_odd_names_can_be_written_and_read_back(tmp_path):
    odd = [b"caf\xe9", "日本 {x}".encode()]
    for name in odd:
        for number in range(3):
            image(tmp_path / "in" / os.fsdecode(name) / f"a b'{number}.png")
    out = tmp_path / "images.json"
    params = {**PARAMS, "images": str(tmp_path / "in")}
    config = {"images": params["images"], "candidates": ["torchvision:resnet18"]}
    jobs.run("rank_images.py", params=params, output=[out], config=config)
    [cropped] = (tmp_path / "cropped").iterdir()
    assert np.load(cropped)["image"].shape[1:] == (3, 224, 224)
    chosen = json.loads(out.read_text())
    assert sorted(chosen["classes"]) == sorted(["caf\\xe9", "日本 {x}"])
    for facts in chosen["probe"] + chosen["test"]:
        assert Path(chosen["folder"], facts["file"]).is_file()


def test_the_script_says_what_is_wrong_in_one_line(tmp_path):
    params = {**PARAMS, "images": str(tmp_path)}
    out = tmp_path / "images.json"
    with pytest.raises(SystemExit, match="^images: .*no image in it"):
        jobs.run("rank_images.py", params=params, output=[out])
    assert not out.exists()


def test_checksums_are_of_the_files(tmp_path):
    classes(tmp_path, ant=3, beetle=3)
    for facts in choose(tmp_path, 5)["probe"]:
        content = (tmp_path / facts["file"]).read_bytes()
        assert facts["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_state_of_a_folder_changes_with_its_files(tmp_path):
    classes(tmp_path, ant=2, beetle=2)
    first = state(tmp_path)
    (tmp_path / ".DS_Store").touch()
    assert state(tmp_path) == first != ""
    (tmp_path / "ant" / "odd\udce9").symlink_to("nowhere")
    assert state(tmp_path) != first
    (tmp_path / "ant" / "odd\udce9").unlink()
    file = tmp_path / "ant" / "000.png"
    os.utime(file, ns=(1, 1))
    touched = state(tmp_path)
    file.rename(tmp_path / "ant" / "x.png")
    assert len({first, touched, state(tmp_path)}) == 3
    assert state(tmp_path / "missing") == ""


def test_training_images_are_all_that_are_not_for_testing(tmp_path):
    """What fine-tuning trains on: of a class, all but the test images, the probe's among them."""
    divided = divide(classes(tmp_path, ant=30, beetle=9))
    chosen = choose(tmp_path, 5)
    for name, files in divided.train.items():
        assert set(of(chosen, "probe")[name]) <= set(files)
        assert not set(of(chosen, "test")[name]) & set(files)
        assert sorted(files + divided.test[name]) == sorted(
            f"{name}/{file.name}" for file in (tmp_path / name).iterdir()
        )
    assert {name: len(files) for name, files in divided.test.items()} == {"ant": 6, "beetle": 2}
