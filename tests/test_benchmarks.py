"""What the benchmarks measure with."""

from types import SimpleNamespace

import pytest
import torch

from projects import ROOT


@pytest.fixture
def speeds(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import speeds

    return speeds


@pytest.mark.parametrize("batch", [4, 160])
def test_the_loader_feeds_batches_of_more_images_than_there_are_files(speeds, tmp_path, batch):
    """On a GPU the batch is 256; at most 128 files are written, and it used to wait for ever."""
    options = SimpleNamespace(
        side=64, width=0.02, batch=batch, images=batch, seconds=0, least=1, workers=1,
        compile=False, precision="float32",
    )  # fmt: skip
    files = speeds.write_jpegs(tmp_path, options)
    assert len(files) == min(batch, 128)
    assert speeds.data_loader("alexnet", options, torch.device("cpu"), tmp_path) > 0
