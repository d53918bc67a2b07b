"""Packing image files: the arrays, what stops it, what is dropped, kills, and memory."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import miniatures
from basemodel.data import filling, packed
from basemodel.data.decode import square
from basemodel.files import read_json
from pack_job import pack

FOLDER = {"kind": "folder", "path": "mine"}


@pytest.fixture
def images(tmp_path):
    """Three classes of 40 + 2 images in class folders, two splits."""
    for label in range(3):
        for number in range(42):
            split = "train" if number < 40 else "test"
            file = tmp_path / "data/mine" / split / f"class{label}" / f"{number:03d}.jpg"
            miniatures.image(file, label, number)
    return tmp_path / "data"


def outputs(results):
    files = [path for path in results.rglob("*") if path.is_file()]
    return {str(path.relative_to(results)): path.read_bytes() for path in files}


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
    assert meta["sha256"]["train"] == hashlib.sha256(np.ascontiguousarray(rows)).hexdigest()
    assert sorted(path.name for path in results.rglob("*")) == [
        "images.npy", "images.npy", "labels.npy", "labels.npy", "meta.json", "test", "train",
    ]  # fmt: skip


def test_the_file_is_what_numpy_would_have_saved(images, tmp_path):
    results = pack(tmp_path / "out", images, FOLDER, 16, threads=1)
    rows = np.load(results / "train/images.npy")
    np.save(tmp_path / "plain.npy", rows)
    assert (results / "train/images.npy").read_bytes() == (tmp_path / "plain.npy").read_bytes()


def spoil(images):
    bad = [images / "mine/train/class0/005.jpg", images / "mine/train/class2/039.jpg"]
    bad.append(images / "mine/test/class1/040.jpg")
    bad[0].write_text("no image")
    bad[1].write_bytes(bad[1].read_bytes()[:400])
    bad[2].write_bytes(b"")
    return bad


def test_files_that_cannot_be_decoded_stop_the_job_and_are_named(images, tmp_path):
    bad = spoil(images)
    with pytest.raises(SystemExit) as stopped:
        pack(tmp_path / "out", images, FOLDER, 16)
    message = str(stopped.value)
    assert message.startswith("images: 2 files cannot be decoded; repair or remove them, or set")
    assert str(bad[0]) in message and str(bad[1]) in message and "on_error: drop" in message
    listed = read_json(tmp_path / "out/errors.json")
    assert [item["file"] for item in listed] == [
        "mine/train/class0/005.jpg",
        "mine/train/class2/039.jpg",
    ]
    # Repaired, it goes on: what was decoded is not decoded again.
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
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_full_disk_is_named_before_the_first_is_decoded(images, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 1000))
    with pytest.raises(SystemExit, match=r"GB are needed and 0\.0 GB are free; make room"):
        pack(tmp_path / "out", images, FOLDER, 16)


SIDE = 160


def start(results, images):
    command = [sys.executable, Path(__file__).with_name("pack_job.py"), results, images]
    return subprocess.Popen(
        [*map(str, command), json.dumps(FOLDER), str(SIDE)], stdout=subprocess.PIPE, text=True
    )


def chunks(results):
    """How many chunks the journals list."""
    journals = results.rglob(".*.journal")
    return sum(max(len(journal.read_bytes().splitlines()) - 1, 0) for journal in journals)


def test_killed_at_random_moments_it_ends_with_the_same_bytes(images, tmp_path):
    # Large files and more of them, so that there is time to be killed in.
    for file in sorted((images / "mine").rglob("*.jpg")):
        large = Image.open(file).resize((640, 480))
        for copy in range(3):
            large.rotate(9 * copy).save(file.with_stem(f"{file.stem}_{copy}"))
    whole = pack(tmp_path / "whole", images, FOLDER, SIDE)
    rng = np.random.default_rng(int(time.time()))
    results, texts, kills = tmp_path / "out", [], 0
    for _ in range(30):
        before, more = chunks(results) if results.exists() else 0, rng.integers(0, 4)
        job = start(results, images)
        while job.poll() is None and chunks(results) < before + more:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        job.send_signal(signal.SIGKILL)
        texts.append(job.communicate()[0])
        kills += job.returncode == -signal.SIGKILL
        if job.returncode == 0:
            break
        # As Snakemake does with the outputs of a job that did not end.
        for path in [*results.rglob("images.npy"), *results.rglob("labels.npy")]:
            path.unlink()
    else:
        job = start(results, images)
        texts.append(job.communicate()[0])
        assert job.returncode == 0
    assert kills >= 2 and any("going on after" in text for text in texts)
    assert outputs(results) == outputs(whole)


def files_of(images):
    return sorted(str(path.relative_to(images)) for path in images.rglob("*.jpg"))


def interrupted(path, images):
    """An array of which the first chunk alone is filled."""
    files = files_of(images)
    filling.fill(path, images, files, 16, "code", 1, drop=False)
    journal = path.with_name(".images.npy.journal")
    lines = journal.read_text().splitlines()
    part = path.with_name(".images.npy.part")
    content = bytearray(part.read_bytes())
    content[-(len(files) - filling.CHUNK) * 768 :] = bytes((len(files) - filling.CHUNK) * 768)
    part.write_bytes(content)
    journal.write_text("\n".join(lines[:2]) + "\n" + '{"start": 32, "ba')  # torn by the kill
    return files


@pytest.mark.parametrize("change", ["nothing", "code", "side", "files"])
def test_it_goes_on_only_with_the_same_files_and_settings(images, tmp_path, change, monkeypatch):
    path = tmp_path / "out" / "images.npy"
    path.parent.mkdir()
    files = interrupted(path, images)
    decoded = []
    monkeypatch.setattr(filling, "square", lambda file, s: decoded.append(file) or square(file, s))
    side = 20 if change == "side" else 16
    if change == "files":
        files = files[1:]
    code = "other" if change == "code" else "code"
    filling.fill(path, images, files, side, code, 2, drop=False)
    assert len(decoded) == len(files) - (filling.CHUNK if change == "nothing" else 0)
    filling.finish(path, {})
    expected = np.stack([square(images / file, side) for file in files])
    assert np.array_equal(np.load(path), expected)


def test_what_was_dropped_before_a_kill_is_still_dropped_after_it(images, tmp_path):
    spoil(images)
    path = tmp_path / "out" / "images.npy"
    path.parent.mkdir()
    files = files_of(images)
    bad = filling.fill(path, images, files, 16, "code", 1, drop=True)
    assert len(bad) == 3
    assert filling.fill(path, images, files, 16, "code", 1, drop=True) == bad  # nothing left to do
    with pytest.raises(filling.UndecodableFiles) as stopped:
        filling.fill(path, images, files, 16, "code", 1, drop=False)
    assert [file for file, _ in stopped.value.files] == [files[row] for row in bad]


def test_memory_does_not_grow_with_the_number_of_images(images, tmp_path):
    """Peak memory of 2,048 rows of 110 kB is that of 128, within a quarter of what the rows are."""
    code = """
import resource, sys
from pathlib import Path
from basemodel.data import filling
count, root, path = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
files = sorted(str(f.relative_to(root)) for f in root.rglob("*.jpg"))
filling.fill(path, root, (files * 20)[:count], 192, "code", 2, drop=False)
print("", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

    def peak(count):
        path = tmp_path / f"out{count}" / "images.npy"
        path.parent.mkdir()
        command = [sys.executable, "-c", code, str(count), str(images), str(path)]
        run = subprocess.run(command, capture_output=True, check=True)
        return 1024 * int(run.stdout.split()[-1])

    few, many = peak(128), peak(2048)
    assert many - few < (2048 - 128) * 192 * 192 * 3 / 4, (few, many)
