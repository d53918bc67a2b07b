"""Base models of this project as candidates."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from basemodel.data.decode import squared
from basemodel.features.extract import whole_network
from basemodel.files import read_json
from basemodel.networks.models import build
from basemodel.networks.models import load as load_base
from basemodel.networks.preprocessing import Preprocessing
from basemodel.rank.failures import Unusable
from basemodel.rank.names import Candidate
from basemodel.rank.network import Network
from basemodel.rank.preparation import Preparation
from basemodel.rank.weights import sha256
from basemodel.schema import nearest
from basemodel.seeds import seed_of


def load(candidate: Candidate, models: Path) -> Network:
    """A base model from `models`, the folder ARCHITECTURE/SOURCE_TASK.{safetensors,json}.

    An untrained twin is built as the first base model of its architecture was. Raises Unusable.
    """
    path = models / candidate.name
    if candidate.untrained:
        cards = sorted(path.glob("*.json"))
        if not cards:
            raise Unusable(f"{path} has no base model to take the size from", TRAIN)
        card = read_json(cards[0])
        torch.manual_seed(seed_of("untrained", candidate.architecture))
        module, facts = build(**card["network"]).eval(), {"weights": None, "sha256": None}
    else:
        weights = path.with_name(f"{path.name}.safetensors")
        if not weights.is_file():
            known = sorted(file.stem for file in path.parent.glob("*.safetensors"))
            near = f"; {nearest(path.name, known)}" if known else ""
            raise Unusable(f"there is no base model {weights}{near}", TRAIN)
        card = read_json(weights.with_suffix(".json"))
        module = load_base(weights, weights.with_suffix(".json"))
        facts = {"weights": str(weights), "sha256": sha256(weights)}
    preprocessing = Preprocessing.from_card(card)

    def crop(image: Image.Image) -> Tensor:
        packed = torch.from_numpy(squared(image, preprocessing.size).copy())
        return preprocessing.centre(packed[None])[0]

    return Network(
        module,
        Preparation(crop, f"base {preprocessing}", preprocessing.normalise),
        whole_network(module),
        (preprocessing.crop, preprocessing.crop),
        module.last,
        {
            "licence": None,
            "source_classes": card["network"]["classes"],
            "imagenet_top1": None,
            **facts,
        },
    )


TRAIN = "`snakemake pretrain_all` trains the experiment's base models"
