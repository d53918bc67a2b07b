"""One way to find and split the images of a folder: packing and `snakemake rank` agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basemodel.data.folders import LEAST, find, hold_out, in_order
from basemodel.data.kinds import checked_listing, found_classes
from basemodel.data.listing import DataError
from basemodel.selection.division import divide
from basemodel.selection.images import choose
from noise import noise


def make(folder, layout):
    for name, count in layout.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noise(folder / name / f"{number}.png")
    return folder


LAYOUTS = {
    "no split": {"ant": 30, "beetle": 4, "cricket": 3},
    "test": {"train/ant": 9, "train/beetle": 2, "test/ant": 3, "test/beetle": 1},
    "val": {"train/ant": 9, "train/beetle": 2, "val/ant": 3, "val/beetle": 1},
    "test and val": {"train/a": 3, "train/b": 2, "test/a": 1, "test/b": 1, "val/a": 5, "val/b": 5},
    "train alone": {"train/ant": 12, "train/beetle": 20},
    "a class called train": {"train": 12, "bus": 20},
    "hidden folders": {"train/.x": 2, "train/ant": 9, "train/beetle": 9, ".cache/ant": 3},
    "folders in class folders": {"ant": 9, "ant/more": 3, "beetle": 9},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_find_the_same_classes_and_splits(tmp_path, layout):
    make(tmp_path / "mine", LAYOUTS[layout])
    dataset = {"kind": "folder", "path": "mine"}
    packed = checked_listing(tmp_path, dataset, False)
    ranked = divide(tmp_path / "mine")
    assert found_classes(tmp_path, dataset) == len(packed.classes)
    for split in ("train", "test"):
        of_rank = {
            (f"mine/{file}", packed.classes.index(name))
            for name, files in getattr(ranked, split).items()
            for file in files
        }
        assert of_rank == set(getattr(packed, split))
    assert len(ranked.problems) == (1 if packed.skipped or "val" in str(ranked.problems) else 0)


def test_images_in_train_and_test_that_are_in_no_class_are_not_classes(tmp_path):
    make(tmp_path / "mine", {"train": 5, "test": 5})
    with pytest.raises(DataError, match="train: has no class folders"):
        checked_listing(tmp_path, {"kind": "folder", "path": "mine"}, False)
    assert not divide(tmp_path / "mine").labelled


def test_of_two_images_ranking_needs_both(tmp_path):
    """The one difference: a probe classifies held-out images by the others of their class."""
    make(tmp_path, {"ant": 9, "beetle": 2})
    found, ranked = find(tmp_path, "."), divide(tmp_path)
    assert (len(found.train["beetle"]), len(found.test["beetle"])) == (1, 1)
    assert (len(ranked.train["beetle"]), len(ranked.test["beetle"])) == (2, 0)


def test_one_order_decides_what_is_held_out_and_then_what_is_shown_to_models(tmp_path):
    make(tmp_path, {"ant": 30, "beetle": 9})
    chosen = choose(tmp_path, 5)
    order = in_order("ant", [f"ant/{number}.png" for number in range(30)])
    named = {
        split: {i["file"] for i in chosen[split] if i["label"] == 0} for split in ("probe", "test")
    }
    assert named == {"test": set(order[:6]), "probe": set(order[6:11])}


NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=6), min_size=2, max_size=40, unique=True)
SHARES = st.floats(0.01, 0.99)


@given(st.sampled_from(["ant", "b\udce9"]), NAMES, SHARES)
def test_each_class_has_images_on_both_sides(name, files, share):
    train, test = hold_out(name, files, share)
    assert sorted(train + test) == sorted(files)
    assert len(test) >= 1
    assert len(train) >= min(LEAST, len(files) - 1)
    assert set(hold_out(name, files, min(0.99, share * 2))[1]) >= set(test)


def test_the_order_in_which_files_are_found_changes_nothing():
    files = [f"{number:03}.png" for number in range(30)]
    assert hold_out("ant", files[::-1], 0.2) == hold_out("ant", files, 0.2)


def test_the_share_is_what_was_asked_for():
    files = [f"{number}.png" for number in range(200)]
    for share in (0.05, 0.2, 0.5):
        for name in ("ant", "beetle"):
            assert len(hold_out(name, files, share)[1]) == round(share * 200)
    assert hold_out("ant", files, 0.2) != hold_out("beetle", files, 0.2)
    assert (hold_out("ant", ["a"], 0.2), hold_out("ant", [], 0.2)) == ((["a"], []), ([], []))
