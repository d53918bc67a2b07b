"""Data sets, source tasks and probes: what is in them, and that it never changes by itself."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basemodel.data import digits, glyphs, packed, subsets
from basemodel.seeds import seed_of


def test_glyphs_are_the_same_bytes_every_time_and_differ_between_images():
    first = glyphs.dataset("letters", "train", "AB", count=4, size=32, seed=0)
    again = glyphs.dataset("letters", "train", "AB", count=4, size=32, seed=0)
    assert first.dtype == np.uint8 and first.shape == (8, 32, 32, 3)
    assert np.array_equal(first, again)
    assert len({image.tobytes() for image in first}) == 8


def test_a_class_added_leaves_the_others_images_alone():
    two = glyphs.dataset("letters", "train", "AB", count=3, size=16, seed=0)
    three = glyphs.dataset("letters", "train", "CAB", count=3, size=16, seed=0)
    assert np.array_equal(three[3:], two)


@pytest.mark.parametrize("other", [{"name": "signs"}, {"split": "test"}, {"seed": 1}])
def test_data_set_split_and_seed_each_give_other_images(other):
    asked = {"name": "letters", "split": "train", "characters": "A", "count": 3, "size": 16}
    base = glyphs.dataset(**asked, seed=0)
    assert not np.array_equal(base, glyphs.dataset(**{**asked, "seed": 0, **other}))


def test_a_glyph_stands_out_from_its_background_inside_the_image():
    images = glyphs.render("■", count=40, size=32, seed=3).astype(float)
    middle = images[:, 12:20, 12:20].mean((1, 2, 3))
    corner = np.concatenate([images[:, :2, :2], images[:, -2:, -2:]], 1).mean((1, 2, 3))
    assert np.median(abs(middle - corner)) > 60
    assert (middle > corner).any() and (middle < corner).any()  # light on dark, and the reverse


def test_a_character_that_no_font_draws_is_named():
    with pytest.raises(ValueError, match=r"'\\U000e0000' \(U\+E0000\).*characters"):
        glyphs.render("\U000e0000", count=1, size=16, seed=0)


def test_digits_are_each_in_one_split_with_ink_dark_on_light():
    splits = digits.splits(train=100, test=74, size=32)
    images, labels = splits["train"]
    assert images.shape == (1000, 32, 32, 3) and images.dtype == np.uint8
    assert np.array_equal(labels, np.repeat(np.arange(10), 100))
    assert np.array_equal(splits["test"][1], np.repeat(np.arange(10), 74))
    scans = np.concatenate([images, splits["test"][0]])
    assert len({hashlib.sha256(scan.tobytes()).digest() for scan in scans}) == 1740
    assert images[:, :2].mean() > images[:, 12:20, 12:20].mean()


def test_packed_images_come_back_as_a_read_only_map(tmp_path):
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    packed.save(tmp_path / "train", images, np.array([0, 1]))
    mapped, labels = packed.load(tmp_path / "train")
    assert isinstance(mapped, np.memmap) and not mapped.flags.writeable
    assert np.array_equal(mapped, images) and labels.tolist() == [0, 1]
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == [
        "images.npy",
        "labels.npy",
    ]


def test_the_papers_divisions_make_sixty_source_tasks():
    names = subsets.names({"class": [10, 20], "image": [10, 20]})
    assert len(names) == len(set(names)) == 60
    assert names[0] == "class10-01" and names[-1] == "image20-20"


def test_class_parts_are_consecutive_classes_with_all_their_images():
    labels = np.repeat(np.arange(100), 7)
    classes, rows = subsets.select("class10-03", labels, 100, seed=0)
    assert classes == list(range(20, 30))
    assert np.array_equal(rows, np.arange(140, 210))


@settings(max_examples=30, deadline=None)
@given(
    counts=st.lists(st.integers(5, 12), min_size=2, max_size=6),
    parts=st.integers(1, 5),
    seed=st.integers(0, 5),
)
def test_image_parts_share_out_every_class_evenly(counts, parts, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    shares = []
    for part in range(1, parts + 1):
        classes, rows = subsets.select(f"image{parts}-{part}", labels, len(counts), seed)
        assert classes == list(range(len(counts)))
        assert np.array_equal(rows, np.sort(rows))
        shares.append(rows)
    assert np.array_equal(np.sort(np.concatenate(shares)), np.arange(len(labels)))
    of_class = np.array([np.bincount(labels[rows], minlength=len(counts)) for rows in shares])
    assert (of_class.max(0) - of_class.min(0) <= 1).all()


def test_characters_that_leave_no_ink_are_found_before_they_are_rendered():
    assert glyphs.undrawn("Aα✁") == ""
    assert glyphs.undrawn("A 一\u200b✁\n") == " 一\u200b\n"
    with pytest.raises(ValueError, match=r"draws '一' \(U\+4E00\)"):
        glyphs.render("一", 1, 16, 0)


def test_seeds_depend_on_names_only():
    assert seed_of("pretrain", "vgg16", "class10-01", 0) == seed_of(
        "pretrain", "vgg16", "class10-01", 0
    )
    assert seed_of("a", "bc") != seed_of("ab", "c")
    assert 0 <= seed_of("x") < 2**63
