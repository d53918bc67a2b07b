"""The GPU's memory: a job stays within its share, and what happens when that is too little."""

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

import jobs
from basemodel.compute.device import allocated_device
from basemodel.compute.feeding import Streamed, free_memory, load
from basemodel.compute.image_files import ImageFiles
from basemodel.compute.passing import Pass, Timed, apply
from basemodel.models.preprocessing import Preprocessing

pytestmark = pytest.mark.gpu

MIB = 2**20
RECIPE = {
    "epochs": 1, "batch": 32, "optimizer": "adamw", "learning_rate": 0.001, "momentum": 0.9,
    "weight_decay": 0, "warmup_epochs": 0, "step_epochs": 7, "gamma": 0.1, "dropout": 0,
    "initialisation": "torchvision", "augmentation": False, "precision": "float32",
    "compile": False,
}  # fmt: skip


def room_of(where):
    """Bytes that can be had: on the CPU all that a single request can ask for."""
    if where.type == "cuda":
        torch.cuda.empty_cache()
        return free_memory(where)
    return psutil.virtual_memory().total + psutil.swap_memory().total


def test_free_memory_is_what_is_left_of_the_share(gpu):
    _, total = torch.cuda.mem_get_info()
    where = allocated_device("auto", {"gpu": 1, "gpu_share": 25})
    assert where.type == "cuda"
    room = free_memory(where)
    assert 0 < room <= 0.25 * total
    taken = torch.empty(room // 2, dtype=torch.uint8, device=where)
    left = free_memory(where)
    assert left <= room - len(taken)
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(left + 64 * MIB, dtype=torch.uint8, device=where)
    # What it promises can be had.
    torch.empty(left - 4 * MIB, dtype=torch.uint8, device=where)


def test_images_that_do_not_fit_into_the_share_are_streamed(gpu, tmp_path):
    where = allocated_device("auto", {"gpu": 1, "gpu_share": 25})
    room = free_memory(where)
    shape = (room // (256 * 256 * 3) + 1, 256, 256, 3)
    images = np.memmap(tmp_path / "images", np.uint8, "w+", shape=shape)  # takes no space: all 0
    assert isinstance(load(images, None, where, room), Streamed)
    few = load(images, np.arange(100), where, room)
    assert few.device.type == "cuda"
    assert free_memory(where) <= room - few.nbytes


def test_too_little_memory_is_one_line_that_names_the_setting(gpu, pretraining, tmp_path):
    # VGG16's weights, gradients and averages take 2.5 GB: more than a hundredth of any GPU.
    network = {"architecture": "vgg16", "width": 2, "stem": "small"}
    job = pretraining(tmp_path / "job", RECIPE, share=1, **network)
    process = jobs.start("pretrain.py", tmp_path / "log", **job)
    process.join()
    assert process.exitcode == 1
    last = (tmp_path / "log").read_text().splitlines()[-1]
    assert "too little memory" in last
    assert "runtime.gpu_jobs" in last


def test_a_pass_is_halved_when_memory_runs_out(gpu):
    where = allocated_device("auto", {"gpu": 1, "gpu_share": 25})
    part = room_of(where) // 30
    sizes = []

    def look(batch):
        torch.empty(len(batch) * part, dtype=torch.uint8, device=where)
        sizes.append(len(batch))
        return batch.float() * 2

    images = torch.arange(300, dtype=torch.uint8).reshape(300, 1)
    found = torch.cat(list(apply(look, images, where)))
    assert torch.equal(found.cpu(), images.float() * 2)
    assert 1 < max(sizes) < 30


def test_ranks_pass_halves_its_batch_when_memory_runs_out(where, tmp_path, request, capsys):
    if where.type == "cuda":
        request.getfixturevalue("gpu")
        where = allocated_device("auto", {"gpu": 1, "gpu_share": 25})
    part = room_of(where) // 3

    def crop(image):
        return torch.full((3, 4, 4), image.getpixel((0, 0))[0], dtype=torch.uint8)

    def look(batch):  # a network that needs a third of the memory for each image
        torch.empty(len(batch) * part, dtype=torch.uint8, device=where)
        return {"embeddings": batch[:, :1, 0, 0]}

    files = [tmp_path / f"{number:02}.png" for number in range(11)]
    for number, file in enumerate(files):
        Image.new("RGB", (8, 8), (20 * number, 0, 0)).save(file)
    preprocessing = Preprocessing(None, (4, 4), (0, 0, 0), (1, 1, 1), transform=crop)
    timed = Timed(look, where)
    passed = Pass(lambda images: timed(preprocessing.normalise(images.to(where))), 8)
    crops = ImageFiles(files, preprocessing, 8, 2).batches()
    found = torch.cat([outputs["embeddings"] for outputs in passed.over(crops)])
    assert found.device.type == where.type
    assert (255 * found[:, 0]).round().tolist() == [20.0 * number for number in range(11)]
    assert passed.size == 2
    assert "too little memory for 8 images at a time: 4" in capsys.readouterr().out
    assert timed.images_per_second() > 0
