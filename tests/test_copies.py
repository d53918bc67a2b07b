"""Copies among a user's images: used once, on one side of a split, and told."""

import shutil
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jobs
from basemodel import metrics
from basemodel.data.folders import hold_out
from basemodel.data.listing import DataError
from basemodel.files import read_json, write_json
from basemodel.selection import copies
from basemodel.selection.copies import joined, near, perceptual_hash
from basemodel.selection.division import divide
from basemodel.selection.held_out import for_fine_tuning
from basemodel.selection.images import choose
from basemodel.selection.scores import halves, predictions
from noise import noise, picture


def make(folder, pictures, times=1):
    """So many pictures of each class, each saved so many times under other names."""
    for name, number in pictures.items():
        for one in range(number):
            noise(folder / name / f"{one}.png", 16, 16)
            for copy in range(1, times):
                shutil.copy(folder / name / f"{one}.png", folder / name / f"{one}-{copy}.png")
    return folder


def saved_again(file, to):
    """The same pixels in other bytes."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(file) as image:
        image.save(to, compress_level=1)
    assert to.read_bytes() != file.read_bytes()


def files(rows):
    return {row["file"] for row in rows}


def right(found):
    """The share of probe images that each classifier of their pixels predicts right."""
    pictures = [Image.open(Path(found["folder"], row["file"])) for row in found["probe"]]
    labels = np.array([row["label"] for row in found["probe"]])
    pixels = np.array([np.asarray(one).ravel() for one in pictures], np.float32)
    predicted = predictions({"embeddings": pixels, "labels": labels})
    return {name: np.mean(labels == of) for name, of in predicted.items()}


def test_noise_saved_four_times_is_at_chance(tmp_path):
    """It was 93.8 % of three classes for the linear probe."""
    shares = []
    for draw in range(8):
        for number in range(15):
            folder = tmp_path / f"{draw}" / "abc"[number % 3]
            folder.mkdir(parents=True, exist_ok=True)
            for copy in range(4):
                picture(100 * draw + number).save(folder / f"{number}-{copy}.png")
        shares.append(right(choose(tmp_path / f"{draw}", 30)))
    for name in shares[0]:
        assert np.mean([share[name] for share in shares]) < 0.45


def test_copies_are_used_once_and_told(tmp_path):
    found = choose(make(tmp_path, {"a": 5, "b": 5, "c": 5}, times=4), 30)
    assert len(found["probe"]) == 12 and len(found["test"]) == 3  # of five pictures one is held out
    assert found["use"] == {
        "given": 60, "limit": 30, "probe": 12, "held_out": 3, "over_limit": 0, "undecodable": 0,
        "copies": 45, "two_labels": 0, "left_out": 0,
    }  # fmt: skip
    assert found["problems"][0].startswith("45 of 60 images are copies of others: ")
    assert len(found["copies"]) == 15 and all(len(of) == 4 for of in found["copies"])
    assert "copies: a/0-1.png = a/0-2.png = a/0-3.png = a/0.png" in found["problems"]


def test_without_copies_the_split_is_as_before_and_nothing_is_told(tmp_path):
    divided, found = divide(make(tmp_path, {"a": 9, "b": 9})), choose(tmp_path, 30)
    for split, rows in (("train", found["probe"]), ("test", found["test"])):
        assert files(rows) == {file for of in getattr(divided, split).values() for file in of}
    assert found["problems"] == [] and found["copies"] == []
    assert not any("group" in row for row in found["probe"])


def test_pixels_under_two_labels_are_not_used(tmp_path):
    make(tmp_path / "train", {"a": 6, "b": 6})
    make(tmp_path / "test", {"a": 2, "b": 2})
    shutil.copy(tmp_path / "train/a/0.png", tmp_path / "train/b/same.png")
    saved_again(tmp_path / "train/a/1.png", tmp_path / "train/b/saved.png")
    found = choose(tmp_path, 30)
    unsure = {f"train/{name}" for name in ("a/0.png", "b/same.png", "a/1.png", "b/saved.png")}
    assert not files(found["probe"]) & unsure and len(found["probe"]) == 10
    assert found["use"]["two_labels"] == 4 and found["use"]["copies"] == 0
    assert found["problems"][0].startswith("4 of 18 images are under two labels: ")


def test_the_same_pixels_in_other_bytes_are_copies(tmp_path):
    make(tmp_path, {"a": 8, "b": 8})
    for number in range(8):
        saved_again(tmp_path / f"a/{number}.png", tmp_path / f"a/{number}.again.png")
    found = choose(tmp_path, 30)
    probe = [row["pixels"] for row in found["probe"]]
    test = [row["pixels"] for row in for_fine_tuning(found)["test"]]
    assert len({*probe, *test}) == len(probe) + len(test)


def test_a_test_image_that_is_a_copy_of_a_training_image_is_left_out(tmp_path):
    make(tmp_path / "train", {"a": 6, "b": 6})
    make(tmp_path / "test", {"a": 3, "b": 3})
    for number in range(3):
        shutil.copy(tmp_path / f"train/a/{number}.png", tmp_path / f"test/a/copy{number}.png")
    saved_again(tmp_path / "train/b/0.png", tmp_path / "test/b/saved.png")
    found = choose(tmp_path, 30)
    assert len(found["probe"]) == 12
    assert found["problems"][0].startswith(
        "3 of 22 images are copies of others; 3 in both train and test: "
    )
    tested = for_fine_tuning(found)
    assert files(tested["test"]) == {f"test/{c}/{i}.png" for c in "ab" for i in range(3)}
    [told] = tested["problems"]
    assert "train/b/0.png = test/b/saved.png" in told


def test_a_test_that_is_all_copies_is_refused(tmp_path):
    make(tmp_path / "train", {"a": 6, "b": 6})
    shutil.copytree(tmp_path / "train", tmp_path / "test")
    with pytest.raises(DataError, match="no image is left to test on: 12 of 24 images are copies"):
        for_fine_tuning(choose(tmp_path, 30))


@pytest.mark.parametrize("times", [2, 12])
def test_too_few_different_images_are_refused(tmp_path, times):
    make(tmp_path, {"a": 1}, times)
    make(tmp_path, {"b": 1}, times)
    with pytest.raises(DataError, match="class a is left out: 1 different image .*too few diff"):
        choose(tmp_path, 30)


def test_all_images_are_one(tmp_path):
    make(tmp_path, {"a": 1}, 4)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with pytest.raises(DataError, match="8 of 8 images are under two labels.*too few different"):
        choose(tmp_path, 30)


def test_what_cannot_be_decoded_is_no_copy(tmp_path):
    make(tmp_path, {"a": 5, "b": 5})
    for name in "ab":
        for number in range(2):
            (tmp_path / name / f"page{number}.png").write_text("<html>404</html>")
    found = choose(tmp_path, 30)
    assert found["copies"] == [] and found["use"]["two_labels"] == 0


def table(folder, groups, of=str):
    """A table of labels with groups, of as many noise pictures as it has rows."""
    rows, numbers = ["file,label,group"], count()
    for label, names in groups.items():
        for name in names:
            file = f"{next(numbers)}.png"
            noise(folder / file, 16, 16)
            rows.append(f"{file},{label},{of(name)}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder / "labels.csv"


def test_groups_are_on_one_side_of_the_split(tmp_path):
    animals = [f"{number // 4}" for number in range(40)]
    found = choose(table(tmp_path, {"a": animals, "b": animals}), 30)
    sides = [{row["group"] for row in found[part]} for part in ("probe", "test")]
    assert not sides[0] & sides[1]
    assert len(sides[0]) == 8 and len(sides[1]) == 2


def test_a_class_of_one_group_is_left_out(tmp_path):
    found = choose(table(tmp_path, {"a": "xxyy", "b": "xyxy", "c": "zzzz"}), 30)
    assert found["classes"] == ["a", "b"]
    assert any("class c is left out: " in problem for problem in found["problems"])


def test_copies_join_the_groups_of_a_table(tmp_path):
    file = table(tmp_path, {"a": "pqrstu", "b": "vwxyz"})
    shutil.copy(tmp_path / "0.png", tmp_path / "1.png")  # p and q are one
    noise(tmp_path / "more.png")
    file.write_text(file.read_text() + "\nmore.png,a,q")
    found = choose(file, 30)
    group = {row["file"]: row["group"] for part in ("probe", "test") for row in found[part]}
    assert group["0.png"] == group["more.png"] == "p"
    assert "1.png" not in group


def smooth(seed):
    return picture(seed, 6, 6).resize((64, 64), Image.Resampling.BICUBIC)


def test_near_copies_are_told_and_kept_together_if_asked(tmp_path):
    for name, seed in (("a", 0), ("b", 100)):
        (tmp_path / name).mkdir()
        for number in range(6):
            smooth(seed + number).save(tmp_path / name / f"{number}.png")
            smooth(seed + number).resize((60, 60)).save(
                tmp_path / name / f"{number}.jpg", quality=80
            )
        for number in range(6, 16):
            smooth(seed + number).save(tmp_path / name / f"{number}.png")
    found = choose(tmp_path, 30)
    assert len(found["probe"]) == 36 and not any("group" in row for row in found["probe"])
    [told] = found["problems"]
    assert " images look nearly like others (" in told and "near_copies: group`" in told
    grouped = choose(tmp_path, 30, near_copies="group")
    assert files(grouped["probe"]) == files(found["probe"])
    by_group = {}
    for row in grouped["probe"]:
        by_group.setdefault(row.get("group", row["file"]), []).append(row["file"])
    for of in by_group.values():
        assert len({file.split(".")[0] for file in of}) == 1
    assert len(by_group) == len({row["file"].split(".")[0] for row in found["probe"]}) < 36
    tests = {row["file"].split(".")[0] for row in for_fine_tuning(grouped)["test"]}
    assert tests and not tests & {row["file"].split(".")[0] for row in grouped["probe"]}
    assert len(for_fine_tuning(found)["test"]) == 8


def test_near_sets_go_through_all_blocks(monkeypatch):
    """Frames of a film: each is like the one before, the first is not like the last."""
    film = [f"{2 ** (3 * frame) - 1:016x}" for frame in range(20)]
    mixed = [*film[::2], "f0f0f0f0f0f0f0f0", *film[1::2]]
    for block in (1, 50, 10_000):
        monkeypatch.setattr(copies, "BLOCK", block)
        assert near(mixed) == [[*range(10), *range(11, 21)]]


def test_near_pairs_and_sets_that_overlap():
    looks = [perceptual_hash(image) for image in (smooth(1), smooth(2), smooth(1).resize((40, 40)))]
    assert near(looks) == [[0, 2]]
    assert near([]) == []
    first = joined([["a", "b"], ["c", "d"], ["d", "b"], ["e"]])
    assert len({first[name] for name in "abcd"}) == 1 != first["e"]


def test_halves_keep_groups_together_and_are_as_before_without():
    labels = np.repeat([0, 1], 10)
    groups = np.arange(20) // 3  # one of them is of both classes
    for half in halves(labels, 20, 0, groups):
        inside = np.isin(groups, groups[half])
        assert inside.sum() == len(half) and 0 < len(half) < 20
    for one, other in zip(halves(labels, 20, 0), halves(labels, 20, 0, np.arange(20)), strict=True):
        assert np.array_equal(one, other)


def test_scores_are_of_predictions_from_other_groups(tmp_path):
    """Pairs of near copies: each is the other's nearest neighbour, and the classes are noise."""
    rng = np.random.default_rng(0)
    pairs = np.repeat(rng.normal(size=(20, 8)), 2, axis=0) + rng.normal(size=(40, 8)) / 100
    labels = np.repeat([0, 1], 20)
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays/embeddings.npy", pairs.astype(np.float32))
    rows = [{"file": f"{i}", "label": int(labels[i]), "group": f"{i // 2}"} for i in range(40)]
    write_json(tmp_path / "images.json", {"probe": rows, "task": "classes"})
    write_json(tmp_path / "card.json", {"slug": "a", "failed": None, "arrays": ["embeddings"]})
    inputs = {"card": "card.json", "arrays": "arrays", "images": "images.json"}
    jobs.run(
        "rank_scores.py",
        input={name: tmp_path / file for name, file in inputs.items()},
        output=[tmp_path / "scores.json"],
        params={"metrics": ["LinearProbe", "kNN", "LogME"], "seed": 0},
    )
    found = read_json(tmp_path / "scores.json")
    groups = np.arange(40) // 2
    for name in ("LinearProbe", "kNN"):
        expected = metrics.load(name).predict(pairs.astype(np.float32), labels, groups)
        assert found["predictions"][name] == expected.tolist()
        assert found["scores"][name]["terms"]["value"] == np.mean(expected == labels) < 0.8
    assert len(found["scores"]["LogME"]["halves"]) > 1


def test_few_bits_in_sixteen_are_told(tmp_path):
    make(tmp_path, {"a": 5, "b": 5})
    deep = np.random.default_rng(0).integers(0, 4096, (16, 16), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "a/deep.tif")
    told = " ".join(choose(tmp_path, 30)["problems"])
    assert "1 image (a/deep.tif) nearly black: looks like 12-bit values in 16 bits" in told


def test_groups_are_held_out_as_images_are():
    names = [f"{number}.png" for number in range(30)]
    own = {name: name for name in names}
    assert hold_out("a", names, 0.2, own) == hold_out("a", names, 0.2)
