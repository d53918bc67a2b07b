"""Functions that measure how fast networks train and pass images, three ways.

(a) this project's loop: images as bytes on the device, cropped, flipped and normalised there;
(b) the same step on one batch that never changes: the upper limit, with no work on data at all;
(c) the same step fed by a DataLoader over JPEG files with all cores, as in torchvision's reference
    recipe.

`options` has what benchmarks/training.py can be told: side, width, batch, images (in an epoch),
seconds (of each measurement), workers, precision and compile; and `least`, the epochs of (a) and
(b), and batches of (c), that are measured even if that takes longer.
"""

import json
import platform
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms.v2.functional import center_crop, resize

from basemodel.compute.device import autocast, seed_everything
from basemodel.compute.passing import apply
from basemodel.data.decode import square
from basemodel.models import architectures
from basemodel.models.preprocessing import MEAN, STD, Preprocessing
from basemodel.training.augmentation import random_crop_flip
from basemodel.training.loop import fit, make_optimizer

CLASSES = 100
RECIPE = {
    "optimizer": "sgd", "learning_rate": 0.001, "momentum": 0.9, "weight_decay": 0,
    "warmup_epochs": 0, "step_epochs": 7, "gamma": 0.1,
}  # fmt: skip


def own_precision(where):
    """What the paper's experiment computes in, where the device has it; float32 elsewhere."""
    if where.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bfloat16"
    return "float32"


def wait(where):
    if where.type == "cuda":
        torch.cuda.synchronize()


def build(name, options, where):
    torch.manual_seed(0)
    model = architectures.build(name, CLASSES, width=options.width)
    return model.to(where, memory_format=torch.channels_last).train()


def pictures(count, height, width):
    """Bytes that look, to a JPEG decoder, somewhat like photographs: smooth, with some noise."""
    rng = np.random.default_rng(0)
    small = torch.from_numpy(rng.uniform(0, 255, (count, 3, 12, 12)).astype("f4"))
    smooth = F.interpolate(small, (height, width), mode="bicubic").permute(0, 2, 3, 1).numpy()
    noisy = smooth + rng.normal(0, 8, (count, height, width, 1))
    return noisy.clip(0, 255).astype(np.uint8)


class Enough(Exception):
    """The loop was measured for long enough."""


def loop_and_limit(name, options, where, images, labels):
    """Median images per second of the loop's epochs, and of the limit measured between them."""
    model = build(name, options, where)
    generator = seed_everything(0)
    settings = {
        **RECIPE, "epochs": 10**9, "batch": options.batch,
        "precision": options.precision, "compile": options.compile,
    }  # fmt: skip
    preprocessing = Preprocessing(size=images.shape[1], crop=options.side)
    prepare = partial(random_crop_flip, preprocessing=preprocessing, generator=generator)
    limit = constant_batch(name, options, where, len(images) // options.batch)
    loops, limits = [], []
    began = epoch_began = time.perf_counter()

    def after_epoch(epoch, row):
        nonlocal epoch_began
        wait(where)
        if epoch > 1:  # the first warms up
            loops.append(len(images) / (time.perf_counter() - epoch_began))
            limits.append(next(limit))
        if len(loops) >= options.least and time.perf_counter() - began > 2 * options.seconds:
            raise Enough
        epoch_began = time.perf_counter()
        return {}

    with suppress(Enough):
        fit(model, images, labels, settings, generator, prepare, after_epoch=after_epoch)
    return np.median(loops), np.median(limits)


def one_step(name, options, where):
    """The step that `fit` does, without what surrounds it."""
    model = build(name, options, where)
    settings = {**RECIPE, "precision": options.precision}
    optimizer = make_optimizer(list(model.parameters()), settings)
    if options.compile:
        model.compile()

    def step(x, y):
        with autocast(options.precision, where):
            loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def constant_batch(name, options, where, steps):
    """Yields images per second for an epoch's number of steps on one batch."""
    step = one_step(name, options, where)
    x = torch.randn(options.batch, 3, options.side, options.side, device=where)
    x = x.to(memory_format=torch.channels_last)
    y = torch.randint(CLASSES, (options.batch,), device=where)
    step(x, y)
    while True:
        wait(where)
        began = time.perf_counter()
        for _ in range(steps):
            step(x, y)
        wait(where)
        yield steps * options.batch / (time.perf_counter() - began)


def data_loader(name, options, where, folder):
    """Images per second with a DataLoader feeding the step, measured for `options.seconds`."""
    recipe = transforms.Compose(
        [
            transforms.RandomResizedCrop(options.side),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    files = ImageFolder(str(folder), recipe)
    # As from a data set of any size: an epoch of the few files there are may not fill a batch.
    drawn = RandomSampler(files, replacement=True, num_samples=1000 * options.batch)
    loader = DataLoader(
        files, options.batch, sampler=drawn, num_workers=options.workers,
        pin_memory=where.type == "cuda", persistent_workers=True,
    )  # fmt: skip
    step = one_step(name, options, where)
    done, began, first = 0, None, True
    while True:
        for x, y in loader:
            x, y = x.to(where, non_blocking=True), y.to(where, non_blocking=True)
            step(x.to(memory_format=torch.channels_last), y)
            if first:  # the workers' start and the first step are not counted
                first, began = False, time.perf_counter()
                continue
            done += len(y)
            enough = options.least * options.batch
            if done >= enough and time.perf_counter() - began > options.seconds:
                wait(where)
                return done / (time.perf_counter() - began)


def forward(name, options, where, images):
    """Images per second in passes without gradients, as for featuremaps and accuracies."""
    model = build(name, options, where).eval()
    centre_crop = Preprocessing(size=images.shape[1], crop=options.side).centre_crop

    def look(batch):
        with autocast(options.precision, where):
            return model(centre_crop(batch))

    list(apply(look, images[: options.batch], where))
    wait(where)
    done, began = 0, time.perf_counter()
    while done == 0 or time.perf_counter() - began < options.seconds / 2:
        list(apply(look, images, where))
        wait(where)
        done += len(images)
    return done / (time.perf_counter() - began)


def write_jpegs(folder, options):
    """Class folders of JPEG files of ImageNet's usual size, scaled with the side."""
    height, width = round(375 * options.side / 224), round(500 * options.side / 224)
    return save_jpegs(folder, pictures(min(options.images, 128), height, width))


def save_jpegs(folder, images, classes=4):
    """Write the images to so many class folders, in turn; returns the files."""
    for number, picture in enumerate(images):
        path = folder / f"{number % classes}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path, quality=90)
    return sorted(folder.glob("*/*.jpg"))


def packing(paths, size):
    """Images per second of one core that packs them: this project's code; and torchvision's decoder
    and resize, whose pixels differ by 1 here and there."""

    def torchvisions(path):
        image = resize(decode_jpeg(read_file(str(path))), size, antialias=True)
        return center_crop(image, size).permute(1, 2, 0).contiguous()

    seconds = []
    for way in (partial(square, side=size), torchvisions):
        began = time.process_time()
        for path in paths:
            way(path)
        seconds.append(time.process_time() - began)
    return [len(paths) / each for each in seconds]


def machine(where):
    if where.type == "cuda":
        return torch.cuda.get_device_name(where)
    cpus = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in cpus.splitlines() if "model name" in line]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {torch.get_num_threads()} threads"


def entry(name, options, train, passes):
    """What `snakemake plan` reads of an architecture; images per second, trained and passed."""
    size = {"architecture": name, "width": options.width, "stem": "imagenet", "side": options.side}
    how = {"batch": options.batch, "precision": options.precision}
    return {**size, **how, "train": float(train), "forward": float(passes)}


def keep(file, facts):
    """Add measured rates to the file, next to those of other runs on this machine."""
    path = Path(file)
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("machine") != facts["machine"]:
        known = {}
    for kind in ("networks", "metrics"):
        new = facts.get(kind, [])
        measured_again = [_what(entry) for entry in new]
        old = [entry for entry in known.get(kind, []) if _what(entry) not in measured_again]
        known[kind] = [*old, *new]
    path.parent.mkdir(parents=True, exist_ok=True)
    known |= {key: value for key, value in facts.items() if not isinstance(value, list)}
    path.write_text(json.dumps(known, indent=1) + "\n")


def _what(entry):
    return [entry.get(key) for key in ("architecture", "width", "side", "elements")]
