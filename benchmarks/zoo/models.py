"""Base models that differ, from packaged weights and real images, for real.yaml.

    python benchmarks/zoo/models.py data/zoo [--epochs 6] [--most 24]

Writes weights to data/zoo/models/, and data/zoo/models.yaml, which names them for an experiment:

* EfficientNet-Lite0 to 2 as shipped;
* each of them fine-tuned on the sources of sets.py: variants of one checkpoint, which have its name
  as `family`;
* small networks that were trained on a source only: each is a family of its own. Without them there
  would be three independent models, and no interval worth the name.

What is there already is kept. Accuracies on held-out source images are printed: a model that
learned nothing is no base model.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
import yaml
from safetensors.torch import save_file
from sets import SOURCES

import basemodel
from basemodel.data.decode import picture
from basemodel.python.load import Transform

SHIPPED = [f"tf_efficientnet_lite{size}.in1k" for size in range(3)]
SCRATCH = ("resnet10t", "mobilenetv3_small_050", "regnetx_002", "efficientvit_b0")
SIDE = 96  # pixels: of images of their own size, networks would learn six times as slowly
HELD_OUT = 5  # every fifth image
BATCH = 16


@dataclass(frozen=True)
class Recipe:
    """A model to make: what it begins with, the source, passes over it and the seed."""

    start: str
    source: str
    epochs: int
    seed: int

    @property
    def name(self) -> str:
        start = self.start.partition(".")[0]
        return f"{start}-{self.source}"

    @property
    def shipped(self) -> bool:
        return self.start in SHIPPED

    def setting(self, folder: Path) -> dict[str, str]:
        """Its entry in `models`."""
        name = f"timm:{self.start}@{SIDE}"
        file = str(folder / f"{self.name}.safetensors")
        family = f"timm:{self.start}" if self.shipped else self.name
        return {"file": file, "architecture": name, "family": family}


def recipes(epochs: int) -> list[Recipe]:
    made = [(start, source) for start in (*SHIPPED, *SCRATCH) for source in SOURCES]
    return [
        Recipe(start, source, epochs if start in SHIPPED else 4 * epochs, seed)
        for seed, (start, source) in enumerate(made)
    ]


def images(folder: Path, most: int) -> tuple[list[Path], list[int], int]:
    names = sorted(path.name for path in folder.iterdir())
    files, labels = [], []
    for label, name in enumerate(names):
        of_class = sorted((folder / name).iterdir())[:most]
        files += of_class
        labels += [label] * len(of_class)
    return files, labels, len(names)


def network(recipe: Recipe, classes: int) -> tuple[torch.nn.Module, Transform]:
    """The network with a new last layer, and how it takes images."""
    torch.manual_seed(recipe.seed)
    if recipe.shipped:
        return basemodel.load(f"timm:{recipe.start}@{SIDE}", num_classes=classes)
    # Only for its preprocessing: timm's way of making networks without weights needs no file.
    made = timm.create_model(recipe.start, num_classes=classes)
    data = timm.data.resolve_model_data_config(made) | {"input_size": (3, SIDE, SIDE)}
    crop = timm.data.create_transform(**data, is_training=False)
    return made, lambda file: crop(picture(file))


def batches(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Evenly large: batch normalisation cannot train on one image."""
    yield from np.array_split(rows, max(1, len(rows) // BATCH))


def make(recipe: Recipe, source: Path, most: int, weights: Path) -> float:
    """Train, write the weights, and return the accuracy on held-out images of the source."""
    files, labels, classes = images(source, most)
    made, transform = network(recipe, classes)
    inputs, labels = torch.stack([transform(file) for file in files]), torch.tensor(labels)
    rows, rng = np.arange(len(files)), np.random.default_rng(recipe.seed)
    train, test = rows[rows % HELD_OUT != 0], rows[rows % HELD_OUT == 0]
    rate = 3e-4 if recipe.shipped else 2e-3
    optimizer = torch.optim.AdamW(made.parameters(), rate)
    steps = recipe.epochs * len([*batches(train)])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(recipe.epochs):
        made.train()
        for some in batches(rng.permutation(train)):
            loss = torch.nn.functional.cross_entropy(made(inputs[some]), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    made.eval()
    with torch.inference_mode():
        answers = torch.cat([made(inputs[some]).argmax(1) for some in batches(test)])
    save_file({k: v.contiguous() for k, v in made.state_dict().items()}, weights)
    return float((answers == labels[test]).float().mean())


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("folder", type=Path)
    given.add_argument("--epochs", type=int, default=6)
    given.add_argument("--most", type=int, default=24, help="images of a class")
    given.add_argument("--only", default="", help="part of the names of those to make")
    given = given.parse_args()
    folder = given.folder / "models"
    folder.mkdir(parents=True, exist_ok=True)
    settings: list = [f"timm:{name}@{SIDE}" for name in SHIPPED]
    for recipe in recipes(given.epochs):
        if given.only not in recipe.name:
            continue
        weights = folder / f"{recipe.name}.safetensors"
        if not weights.exists():
            accuracy = make(recipe, given.folder / recipe.source, given.most, weights)
            print(f"{recipe.name}: {accuracy:.1%} of held-out images", flush=True)
        settings.append(recipe.setting(folder))
    named = given.folder / "models.yaml"
    named.write_text(yaml.safe_dump({"models": settings}, sort_keys=False), encoding="utf-8")
    print(f"{named}: {len(settings)} models")


if __name__ == "__main__":
    main()
