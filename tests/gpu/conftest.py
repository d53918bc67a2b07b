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


@pytest.fixture(scope="session", autouse=True)
def where() -> torch.device:
    """The device that these tests compare with the CPU."""
    torch.set_num_threads(1)
    if ON_THE_CPU:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        # From here, so that pytest reports all of them in one line.
        pytest.skip("torch finds no CUDA device")
    return torch.device("cuda")


@pytest.fixture
def gpu(where) -> torch.device:
    """A GPU, for tests of what only a GPU has."""
    if where.type == "cpu":
        pytest.skip("needs a GPU: the CPU has nothing like it")
    return where


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A packed data set of noise: 5 classes, 40 and 20 images of each."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, count in (("train", 40), ("test", 20)):
        images = rng.integers(0, 256, (5 * count, 32, 32, 3), dtype=np.uint8)
        packed.save(folder / split, images, np.repeat(np.arange(5), count))
    write_json(folder / "meta.json", {"classes": list("abcde")})
    return folder
