"""torchvision's classifiers as candidates."""

from pathlib import Path

import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.transforms import functional
from torchvision.transforms._presets import ImageClassification

from basemodel.rank import weights as files
from basemodel.rank.failures import Unusable
from basemodel.rank.names import Candidate
from basemodel.rank.network import Look, Network
from basemodel.rank.offline import REMEDY, offline
from basemodel.rank.preparation import Preparation, normalised
from basemodel.schema import nearest
from basemodel.seeds import seed_of

IMAGENET = 1000  # classes
# Which layer gives the last featuremaps, by how the names of models begin; the first that fits.
NODES = {
    "alexnet": "features.11",  # before the max-pool, as in the paper
    "vgg": "features.-2",
    "resnet": "layer4", "resnext": "layer4", "wide_resnet": "layer4",
    "densenet": "features", "mobilenet": "features", "efficientnet": "features",
    "convnext": "features", "squeezenet": "features",
    "mnasnet": "layers", "swin": "permute", "regnet": "trunk_output", "shufflenet": "conv5",
    "googlenet": "inception5b", "inception": "Mixed_7c", "vit": "encoder", "maxvit": "blocks.3",
}  # fmt: skip


def load(candidate: Candidate) -> Network:
    """The candidate; raises Unusable if torchvision has no such model or its weights are missing.

    A name may end in the name of its weights (resnet50.IMAGENET1K_V1); the default is
    torchvision's.
    """
    offline()
    known, name = names(), candidate.model.partition(".")[0]
    if name not in known:
        raise Unusable(f"torchvision has no model {name!r}", nearest_of(name, known))
    chosen = weights_of(candidate)
    facts = {
        "licence": None,  # torchvision's code is BSD; it states no licence of weights
        "source_classes": len(chosen.meta["categories"]),
        "imagenet_top1": chosen.meta["_metrics"].get("ImageNet-1K", {}).get("acc@1"),
        "weights": None,
        "sha256": None,
    }
    if candidate.untrained:
        torch.manual_seed(seed_of("untrained", candidate.architecture))
        facts["imagenet_top1"] = None
        module = _build(name)
    elif candidate.file:
        module, classes = _of_file(candidate, name)
        facts |= {"source_classes": classes, "imagenet_top1": None, "weights": candidate.file}
        facts["sha256"] = files.sha256(candidate.file)
    else:
        path = cached(chosen)
        if not path.is_file():
            raise Unusable("its weights are not on this machine", REMEDY)
        facts |= {"weights": str(path), "sha256": files.sha256(path)}
        with files.downloaded(path):
            module = get_model(name, weights=chosen)
    transform = chosen.transforms()
    side = (transform.crop_size * 2)[:2]  # [side], or [height, width]
    last = _last_linear(module)
    notes = [] if last else ["it has no fully connected layer: embeddings are means of featuremaps"]
    look = _look(module.eval(), name, last, notes)
    return Network(module, _preparation(transform), look, tuple(side), last, facts, notes)


def _preparation(transform: ImageClassification) -> Preparation:
    """That of torchvision's transform, taken apart before it makes the image a float tensor."""
    resized = {"interpolation": transform.interpolation, "antialias": transform.antialias}

    def crop(image: Image.Image) -> Tensor:
        image = functional.resize(image, transform.resize_size, **resized)
        return functional.pil_to_tensor(functional.center_crop(image, transform.crop_size))

    words = f"torchvision {transform.resize_size} {transform.crop_size} {resized}"
    return Preparation(crop, words, normalised(transform.mean, transform.std))


def names() -> list[str]:
    return list_models(module=torchvision.models)


def weights_of(candidate: Candidate) -> torchvision.models.WeightsEnum:
    """The weights that are meant. Raises Unusable if the model has none of this name."""
    name, _, tag = candidate.model.partition(".")
    kinds = get_model_weights(name)
    if not tag:
        return kinds.DEFAULT
    if tag not in kinds.__members__:
        raise Unusable(
            f"torchvision has no weights {tag!r} of {name}",
            nearest_of(tag, list(kinds.__members__)),
        )
    return kinds[tag]


def cached(weights: torchvision.models.WeightsEnum) -> Path:
    """Where torch.hub keeps these weights once they are downloaded."""
    return Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]


def nearest_of(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    return near if near.startswith("did") else "`snakemake rank_candidates` lists them"


def _build(name: str, auxiliary: bool = False, **options: int) -> nn.Module:
    """An untrained network; two have further classifiers that only training uses."""
    if name in ("googlenet", "inception_v3"):
        # As with torchvision's weights, which expect another normalisation than their transform's;
        # initialised by torch, as the papers' truncated normals take scipy half a minute.
        options |= {"aux_logits": auxiliary, "transform_input": True, "init_weights": False}
    return get_model(name, **options)


def _of_file(candidate: Candidate, name: str) -> tuple[nn.Module, int]:
    """The network with the user's weights, and the number of classes that these tell apart."""
    state = files.read(candidate.file)
    auxiliary = any(key.lower().startswith("aux") for key in state)
    module, classes = _build(name, auxiliary), IMAGENET
    last = next(reversed([k for k in module.state_dict() if k.endswith("weight")]))
    if last in state and state[last].ndim >= 2 and len(state[last]) != classes:
        classes = len(state[last])
        module = _build(name, auxiliary, num_classes=classes)
    files.put(state, module, candidate.file, candidate.name)
    return module, classes


def _last_linear(module: nn.Module) -> nn.Linear | None:
    linear = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    return linear[-1] if linear else None


def _node(module: nn.Module, name: str) -> nn.Module | None:
    path = next((path for start, path in NODES.items() if name.startswith(start)), None)
    if path is None:
        return None
    parent, _, child = path.rpartition(".")
    within = module.get_submodule(parent)
    # A VGG's last convolution has another number with and without batch normalisation.
    return within[int(child)] if child.lstrip("-").isdigit() else within.get_submodule(child)


def _look(module: nn.Module, name: str, last: nn.Linear | None, notes: list[str]) -> Look:
    """One pass through the whole network; hooks keep what passes the two places."""
    seen: dict[str, Tensor] = {}
    node = _node(module, name)
    if node is None:
        notes.append("the place of its last featuremaps is not known: it has none")
    else:
        node.register_forward_hook(lambda _, __, output: seen.update(maps=output))
    if last is not None:
        last.register_forward_pre_hook(lambda _, inputs: seen.update(embeddings=inputs[0]))

    def look(images: Tensor) -> dict[str, Tensor]:
        logits = module(images)
        found = {}
        if "maps" in seen:
            found["featuremaps"] = _maps(name, module, seen.pop("maps"))
        embeddings = seen.pop("embeddings", None)
        if embeddings is None and "featuremaps" in found:
            embeddings = found["featuremaps"].mean((2, 3))
        if embeddings is not None:
            found["embeddings"] = embeddings.flatten(1)
        return found | {"probabilities": logits.softmax(1)}

    return look


def _maps(name: str, module: nn.Module, output: Tensor) -> Tensor:
    if name.startswith("densenet"):
        return output.relu()  # which the network applies itself, as a function
    if name.startswith("vit"):  # tokens [n, 1 + H W, C], the class token first
        side = module.image_size // module.patch_size
        return output[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    return output
