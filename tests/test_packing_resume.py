"""Packing that is killed, at any moment, and started again: the same bytes, nothing lost."""

import contextlib
import errno
import json
import multiprocessing
import os
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
from basemodel.data import packing
from basemodel.data.decode import square
from pack_job import FOLDER, class_folders, outputs, pack, spoil


@pytest.fixture
def images(tmp_path):
    return class_folders(tmp_path / "data")


SIDE = 160


def start(results, images):
    command = [sys.executable, Path(__file__).with_name("pack_job.py"), results, images]
    return subprocess.Popen(
        [*map(str, command), json.dumps(FOLDER), str(SIDE)], stdout=subprocess.PIPE, text=True
    )


def chunks(results):
    """How many chunks are noted as done."""
    with contextlib.suppress(FileNotFoundError):  # it is just being cleared
        return len(list(results.rglob(".*.packing/[0-9]*.json")))
    return 0


def forget_outputs(results):
    """As Snakemake does with the outputs of a job that did not end."""
    for path in [*results.rglob("images.npy"), *results.rglob("labels.npy")]:
        path.unlink()
    (results / "meta.json").unlink(missing_ok=True)


@pytest.mark.full
def test_killed_at_random_moments_it_ends_with_the_same_bytes(images, tmp_path):
    # Large files and more of them, so that there is time to be killed in.
    for file in sorted((images / "mine").rglob("*.jpg")):
        large = Image.open(file).resize((640, 480))
        for copy in range(3):
            large.rotate(9 * copy).save(file.with_stem(f"{file.stem}_{copy}"))
    whole = pack(tmp_path / "whole", images, FOLDER, SIDE)
    rng = np.random.default_rng(int(time.time()))
    results, texts = tmp_path / "out", []
    # Twice for certain: a fast machine may be done before a random moment has come.
    for _ in range(2):
        kill_at("basemodel.data.packing", "record", 2, results, images, FOLDER, SIDE)
        forget_outputs(results)
    for _ in range(30):
        before, more = chunks(results), rng.integers(0, 4)
        job = start(results, images)
        while job.poll() is None and chunks(results) < before + more:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        job.send_signal(signal.SIGKILL)
        texts.append(job.communicate()[0])
        if job.returncode == 0:
            break
        forget_outputs(results)
    else:
        job = start(results, images)
        texts.append(job.communicate()[0])
        assert job.returncode == 0
    assert any("resuming after" in text for text in texts)
    assert outputs(results) == outputs(whole)


STEPS = [  # of the last phase: killed at which call of a function
    ("basemodel.data.packing", "publish", 1),
    ("basemodel.data.packing", "checksum", 1),
    ("basemodel.data.packing", "publish", 2),
    ("basemodel.data.packing", "checksum", 2),
    ("basemodel.files", "write_npy", 2),
    ("basemodel.files", "write_json", 1),
    ("basemodel.data.packing", "clear", 1),
]


def die(module, function, call, *arguments):
    """Pack, but be killed at a call of a function."""
    real, calls = getattr(sys.modules[module], function), []

    def killed(*arguments, **more):
        calls.append(arguments)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **more)

    setattr(sys.modules[module], function, killed)
    pack(*arguments)


def kill_at(*arguments):
    """Run `die` in a process of its own."""
    job = multiprocessing.get_context("fork").Process(target=die, args=arguments)
    job.start()
    job.join()
    assert job.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("on_error", ["stop", "drop"])
@pytest.mark.parametrize(("module", "function", "call"), STEPS)
def test_killed_in_its_last_phase_it_decodes_nothing_again(
    images, tmp_path, monkeypatch, module, function, call, on_error
):
    dataset = {**FOLDER, "on_error": on_error}
    if on_error == "drop":
        spoil(images)
    whole, results = pack(tmp_path / "whole", images, dataset, 16), tmp_path / "out"
    kill_at(module, function, call, results, images, dataset, 16)
    forget_outputs(results)
    monkeypatch.setattr(packing, "square", None)
    pack(results, images, dataset, 16)
    assert outputs(results) == outputs(whole)


def test_a_file_that_changes_after_all_are_decoded_is_read_again(images, tmp_path):
    kill_at("basemodel.data.packing", "publish", 1, tmp_path / "out", images, FOLDER, 16)
    rewrite(images / "mine/train/class1/007.jpg")
    results = pack(tmp_path / "out", images, FOLDER, 16)
    assert outputs(results) == outputs(pack(tmp_path / "whole", images, FOLDER, 16))


def test_a_file_system_without_second_names_will_do(images, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.EPERM, "no links here")

    whole = pack(tmp_path / "whole", images, FOLDER, 16)
    monkeypatch.setattr(os, "link", refuse)
    assert outputs(pack(tmp_path / "out", images, FOLDER, 16)) == outputs(whole)


def files_of(images):
    return sorted(str(path.relative_to(images)) for path in images.rglob("*.jpg"))


def interrupted(path, images):
    """An array in which only the first chunk is filled."""
    files = files_of(images)
    packing.fill(path, images, files, 16, "code", 1, drop=False)
    notes = path.with_name(".images.npy.packing")
    part = notes / "rows.npy"
    content = bytearray(part.read_bytes())
    content[-(len(files) - packing.CHUNK) * 768 :] = bytes((len(files) - packing.CHUNK) * 768)
    part.write_bytes(content)
    for note in notes.glob("[1-9]*.json"):
        note.unlink()
    (notes / "32.json").write_text('{"stamp": "ba')  # torn by the kill
    return files


def rewrite(file):
    """Another image under the same name."""
    miniatures.image(file, 9, 9)


CHANGES = {  # and how many chunks are kept of the one that is there
    "nothing": 1, "code": 0, "side": 0, "files": 0, "root": 0, "content": 0, "time": 0,
    "content of another chunk": 1,
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_it_goes_on_only_with_the_same_files_and_settings(images, tmp_path, change, monkeypatch):
    path = tmp_path / "out" / "images.npy"
    path.parent.mkdir()
    files = interrupted(path, images)
    decoded = []
    monkeypatch.setattr(packing, "square", lambda file, s: decoded.append(file) or square(file, s))
    side, code = 20 if change == "side" else 16, "other" if change == "code" else "code"
    if change == "files":
        files = files[1:]
    if change == "root":  # with the same names, sizes and time stamps
        shutil.copytree(images, tmp_path / "elsewhere")
        images = tmp_path / "elsewhere"
    if change == "content":
        rewrite(images / files[3])
    if change == "time":
        os.utime(images / files[3], (0, 0))
    if change == "content of another chunk":
        rewrite(images / files[-1])
    packing.fill(path, images, files, side, code, 2, drop=False)
    assert len(decoded) == len(files) - CHANGES[change] * packing.CHUNK
    packing.publish(path, {})
    expected = np.stack([square(images / file, side) for file in files])
    assert np.array_equal(np.load(path), expected)


def test_what_was_dropped_before_a_kill_is_still_dropped_after_it(images, tmp_path, monkeypatch):
    spoil(images)
    path = tmp_path / "out" / "images.npy"
    path.parent.mkdir()
    files = files_of(images)
    bad = packing.fill(path, images, files, 16, "code", 1, drop=True)
    assert len(bad) == 3
    assert packing.fill(path, images, files, 16, "code", 1, drop=True) == bad  # nothing left to do
    # If they are not to be dropped, they are tried again: they may have been repaired.
    decoded = []
    monkeypatch.setattr(packing, "square", lambda file, s: decoded.append(file) or square(file, s))
    assert packing.fill(path, images, files, 16, "code", 1, drop=False) == bad
    assert {images / files[row] for row in bad} < set(decoded) and len(decoded) < len(files)


def test_memory_does_not_grow_with_the_number_of_images(images, tmp_path):
    """Peak memory of 2,048 rows of 110 kB is that of 128, within a quarter of what the rows are."""
    code = """
import sys
from pathlib import Path
from basemodel.data import packing
count, root, path = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
files = sorted(str(f.relative_to(root)) for f in root.rglob("*.jpg"))
packing.fill(path, root, (files * 20)[:count], 192, "code", 2, drop=False)
# Not ru_maxrss: that is at least the memory of the process that this one was started from.
print("", Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""

    def peak(count):
        path = tmp_path / f"out{count}" / "images.npy"
        path.parent.mkdir()
        command = [sys.executable, "-c", code, str(count), str(images), str(path)]
        run = subprocess.run(command, capture_output=True, check=True)
        return 1024 * int(run.stdout.split()[-1])

    few, many = peak(128), peak(2048)
    assert many - few < (2048 - 128) * 192 * 192 * 3 / 4, (few, many)
