"""Base models of this project, found by name, for images in files."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from basemodel.data.decode import squared
from basemodel.files import read_json, sha256
from basemodel.models import trained
from basemodel.models.architectures import build
from basemodel.models.failures import Unusable, nearest
from basemodel.models.model import Model
from basemodel.models.preprocessing import Preprocessing
from basemodel.seeds import seed_of

TRAIN = "`snakemake pretrain_all` trains the experiment's base models"


def load(name: str, models: str | Path, untrained: bool = False) -> Model:
    """A base model by its name, ARCHITECTURE/SOURCE_TASK, in the folder of base models.

    An untrained one, whose name is its architecture's, is built as the first base model of its
    architecture was. Raises Unusable.
    """
    path = Path(models, name)
    if untrained:
        cards = sorted(path.glob("*.json"))
        if not cards:
            raise Unusable(f"{path} has no base model to take the size from", TRAIN)
        card = read_json(cards[0])
        torch.manual_seed(seed_of("untrained", f"base:{name}"))
        return _for_files(trained.whole(build(**card["network"]), card))
    weights = weights_of(name, models)
    model = trained.load(weights, weights.with_suffix(".json"))
    model.facts |= {"weights": str(weights), "sha256": sha256(weights)}
    return _for_files(model)


def preprocessing(name: str, models: str | Path) -> Preprocessing:
    """What `load` finds, from the card. Raises Unusable if there is no such base model."""
    card = weights_of(name, models).with_suffix(".json")
    return _from_files(Preprocessing.from_card(read_json(card)))


def weights_of(name: str, models: str | Path) -> Path:
    """Where its weights are. Raises Unusable if they are not there."""
    path = Path(models, name)
    weights = path.with_name(f"{path.name}.safetensors")
    if not weights.is_file():
        known = sorted(file.stem for file in path.parent.glob("*.safetensors"))
        near = f"; {nearest(path.name, known)}" if known else ""
        raise Unusable(f"there is no base model {weights}{near}", TRAIN)
    return weights


@dataclass(frozen=True)
class Squared:
    """Crops an image as it would be cropped on the way through a packed data set."""

    preprocessing: Preprocessing

    def __call__(self, image: Image.Image) -> Tensor:
        packed = torch.from_numpy(squared(image, self.preprocessing.size).copy())
        return self.preprocessing.centre(packed[None])[0]


def _for_files(model: Model) -> Model:
    """The model, which takes images from files, too."""
    return replace(model, preprocessing=_from_files(model.preprocessing))


def _from_files(preprocessing: Preprocessing) -> Preprocessing:
    return replace(preprocessing, transform=Squared(preprocessing))
