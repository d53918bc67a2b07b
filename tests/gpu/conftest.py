"""Tests on a GPU. Where there is none they are skipped; `pytest -rs` says so in one line.

GPU_TESTS=cpu runs on the CPU what can run there: to see, where there is no GPU, that what is
written here works.
"""

import os

import numpy as np
import pytest
import torch

from basemodel.data import packed
from basemodel.files import write_json

ON_THE_CPU = os.environ.get("GPU_TESTS") == "cpu"


def pytest_runtest_setup():
    # Not in a fixture: pytest would report these by test, not in one line.
    if not (ON_THE_CPU or torch.cuda.is_available()):
        pytest.skip("tests on a GPU: torch finds no CUDA here")


@pytest.fixture(scope="session")
def where() -> torch.device:
    """The device that these tests compare with the CPU."""
    torch.set_num_threads(1)
    return torch.device("cpu" if ON_THE_CPU else "cuda")


@pytest.fixture
def gpu(where) -> torch.device:
    """A GPU, for tests of what only a GPU has; all of its memory is this process's again after."""
    if where.type == "cpu":
        pytest.skip("only a GPU has what this tests")
    torch.cuda.empty_cache()
    yield where
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A packed data set of noise: 5 classes, 40 and 20 images of each, and a source task of it."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, count in (("train", 40), ("test", 20)):
        images = rng.integers(0, 256, (5 * count, 32, 32, 3), dtype=np.uint8)
        packed.save(folder / split, images, np.repeat(np.arange(5), count))
    write_json(folder / "meta.json", {"classes": list("abcde")})
    rows = list(range(200))
    subset = {"subset": "s", "policy": "p", "classes": [0, 1, 2, 3, 4], "images": rows}
    write_json(folder / "subset.json", subset)
    return folder


@pytest.fixture
def pretraining(where, data):
    """Makes jobs of rule pretrain, as jobs.start takes them, on the device of these tests."""

    def job(folder, settings, checkpoint_seconds=0, share=50, **size):
        folder.mkdir()
        splits = {
            f"{split}{kind}": data / split / f"{name}.npy"
            for split in ("train", "test")
            for kind, name in (("", "images"), ("_labels", "labels"))
        }
        network = {"architecture": "resnet18", "width": 0.25, "stem": "small", **size}
        return {
            "input": {"subset": data / "subset.json", **splits},
            "output": {name: folder / name for name in ("weights", "card")},
            "params": {
                "network": network, "pretrain": settings, "seed": 0,
                "preprocessing": {"size": 32, "crop": 28},
            },
            "config": {
                "runtime": {
                    "device": where.type, "device_memory": 0.5,
                    "checkpoint_seconds": checkpoint_seconds,
                }
            },
            "resources": {"gpu": int(where.type == "cuda"), "gpu_share": share},
        }  # fmt: skip

    return job
