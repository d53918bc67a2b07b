"""Outputs are complete and on disk before they get their name; a full disk is a one-line error."""

import errno
import os
import resource
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import jobs
from basemodel.data import packed
from basemodel.files import in_bytes, printable, whole, write_json, write_npy
from basemodel.models import architectures, trained
from basemodel.models.preprocessing import Preprocessing
from basemodel.training.checkpoints import Checkpoint
from basemodel.training.loop import make_optimizer


@pytest.fixture
def calls(monkeypatch):
    """The names of what is flushed and renamed, in order: through os, where it really happens."""
    seen = []
    fsync, rename = os.fsync, Path.replace

    def flush(descriptor):
        seen.append(("flush", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def replace(path, target):
        seen.append(("rename", Path(target).name))
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(Path, "replace", replace)
    return seen


def in_order(name, folder):
    return [("flush", f".{name}.part"), ("rename", name), ("flush", folder.name)]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, calls):
    write_json(tmp_path / "a.json", {"x": 1})
    write_npy(tmp_path / "b.npy", np.arange(5))
    trained.save_weights(nn.Linear(2, 2), tmp_path / "c.safetensors")
    names = ["a.json", "b.npy", "c.safetensors"]
    assert calls == [call for name in names for call in in_order(name, tmp_path)]


def test_a_block_that_fails_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "a.json") as part:
        part.write_text("half")
        1 / 0  # noqa: B018
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "1\n"


@pytest.mark.parametrize("array", [
    np.arange(7), np.zeros((0, 3), "f4"), np.array(3), np.arange(9)[::2],
    np.ones((3, 4), order="F"),
], ids=["plain", "empty", "scalar", "strided", "fortran"])  # fmt: skip
def test_an_array_has_the_bytes_of_numpys_own_file(tmp_path, array):
    write_npy(tmp_path / "ours.npy", array)
    np.save(tmp_path / "theirs.npy", array)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()


@pytest.fixture
def small(tmp_path):
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def checkpoint(path):
    model = nn.Linear(1000, 500)
    settings = {"learning_rate": 0.1, "weight_decay": 0, "optimizer": "sgd", "momentum": 0.9}
    optimizer = make_optimizer(list(model.parameters()), settings)
    Checkpoint(path, "x").save(model, optimizer, torch.Generator(), [])


WRITERS = {
    "npy": lambda path: write_npy(path, np.zeros(2_000_000, np.uint8)),
    "json": lambda path: write_json(path, ["x" * 2_000_000]),
    "weights": lambda path: trained.save_weights(nn.Linear(1000, 500), path),
    "checkpoint": checkpoint,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_said_with_the_folder_and_the_bytes(small, kind):
    with pytest.raises(OSError, match=rf"disk full: {small} .*2,\d{{3}},\d{{3}} bytes.*make room"):
        WRITERS[kind](small / "x")
    assert list(small.iterdir()) == []


@pytest.mark.parametrize("kind", WRITERS)
def test_so_is_a_limit_of_a_files_size(tmp_path, kind):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(OSError, match=f"file size limit: {tmp_path} ") as failed:
            WRITERS[kind](tmp_path / "x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert failed.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


def test_featuremaps_on_a_full_disk_end_with_that_line_in_the_log(small, tmp_path):
    """In a process of its own, as in a run: a sparse memory map would end in SIGBUS."""
    images = np.zeros((200, 32, 32, 3), np.uint8)
    packed.save(tmp_path / "train", images, np.zeros(200, np.int64))
    np.save(tmp_path / "probe.npy", np.arange(200))
    network = {"architecture": "alexnet", "classes": 2, "width": 1, "stem": "small", "dropout": 0}
    trained.save_weights(architectures.build(**network), tmp_path / "model.safetensors")
    card = {"network": network, "preprocessing": Preprocessing(32, 32).as_card()}
    write_json(tmp_path / "model.json", card)
    job = {
        "input": {
            "weights": str(tmp_path / "model.safetensors"),
            "card": str(tmp_path / "model.json"),
            "probe": str(tmp_path / "probe.npy"),
            "images": str(tmp_path / "train" / "images.npy"),
        },
        "output": {"featuremaps": str(small / "maps.npy"), "card": str(small / "card.json")},
        "params": {"code": jobs.code_of("featuremaps.py"), "dtype": "float32"},
        "config": {},
    }
    process = jobs.start("featuremaps.py", tmp_path / "log", **job)
    process.join()
    bytes_needed = 128 + 200 * 256 * 4 * 4 * 4
    log = (tmp_path / "log").read_text()
    assert process.exitcode == 1, log
    assert f"disk full: {small} " in log and f"{bytes_needed:,} bytes" in log
    assert list(small.iterdir()) == []


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (52_428_800, "52.4 MB"),
     (25.04e9, "25.0 GB"), (3e15, "3000.0 TB")],
)  # fmt: skip
def test_bytes_have_a_unit_that_suits_them(count, text):
    assert in_bytes(count) == text


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Käfer 1.jpg", "Käfer 1.jpg"), ("日本\u3000の虫", "日本\u3000の虫"),
        ("می\u200cشود", "می\u200cشود"),
        ("\x1b[31m\n", "\\x1b[31m\\n"), ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("caf\udce9", "caf\\xe9"), ("a" * 1000 + "z", "a" * 50 + "…" + "a" * 48 + "z"),
    ],
)  # fmt: skip
def test_names_are_printed_so_that_they_harm_no_terminal(name, printed):
    assert printable(name) == printed
