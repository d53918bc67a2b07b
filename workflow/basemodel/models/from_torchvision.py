"""torchvision's classifiers."""

from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.transforms import CenterCrop, Compose, PILToTensor, Resize
from torchvision.transforms._presets import ImageClassification

from basemodel.models import from_file
from basemodel.models.failures import Unusable, nearest
from basemodel.models.model import Forward, Model
from basemodel.models.offline import REMEDY, offline
from basemodel.models.preprocessing import Preprocessing
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


def load(model: str, file: str = "", untrained: bool = False) -> Model:
    """The model, with torchvision's weights, those of a file, or none.

    A name may end in the name of its weights (resnet50.IMAGENET1K_V1); the default is
    torchvision's. Raises Unusable if torchvision has no such model or the weights are missing.
    """
    offline()
    known, name = names(), model.partition(".")[0]
    if name not in known:
        raise Unusable(f"torchvision has no model {name!r}", nearest(name, known))
    chosen = weights_of(model)
    facts = {
        "licence": None,  # torchvision's code is BSD; it states no licence of weights
        "source_classes": len(chosen.meta["categories"]),
        "imagenet_top1": chosen.meta["_metrics"].get("ImageNet-1K", {}).get("acc@1"),
        "weights": None,
        "sha256": None,
    }
    if untrained:
        torch.manual_seed(seed_of("untrained", f"torchvision:{name}"))
        facts["imagenet_top1"] = None
        module = _build(name)
    elif file:
        module, classes = _with_weights(model, name, file)
        facts |= {"source_classes": classes, "imagenet_top1": None, "weights": file}
        facts["sha256"] = from_file.sha256(file)
    else:
        path = cached(chosen)
        if not path.is_file():
            raise Unusable("its weights are not on this machine", REMEDY)
        facts |= {"weights": str(path), "sha256": from_file.sha256(path)}
        with from_file.downloaded(path):
            module = get_model(name, weights=chosen)
    last = _last_linear(module)
    notes = [] if last else ["it has no fully connected layer: embeddings are means of featuremaps"]
    forward = _forward(module.eval(), name, last, notes)
    return Model(module, _preprocessing(chosen.transforms()), forward, last, facts, notes)


def _preprocessing(preset: ImageClassification) -> Preprocessing:
    """That of torchvision's transform, taken apart before it makes the image a float tensor."""
    interpolation = preset.interpolation
    resize = Resize(preset.resize_size, interpolation, antialias=preset.antialias)
    transform = Compose([resize, CenterCrop(preset.crop_size), PILToTensor()])
    side = tuple(preset.crop_size * 2)[:2]  # of [side], or [height, width]
    mean, std = tuple(preset.mean), tuple(preset.std)
    return Preprocessing(None, side, mean, std, interpolation.value, transform)


def names() -> list[str]:
    return list_models(module=torchvision.models)


def weights_of(model: str) -> torchvision.models.WeightsEnum:
    """The weights that are meant. Raises Unusable if the model has none of this name."""
    name, _, tag = model.partition(".")
    kinds = get_model_weights(name)
    if not tag:
        return kinds.DEFAULT
    if tag not in kinds.__members__:
        raise Unusable(
            f"torchvision has no weights {tag!r} of {name}",
            nearest(tag, kinds.__members__),
        )
    return kinds[tag]


def cached(weights: torchvision.models.WeightsEnum) -> Path:
    """Where torch.hub keeps these weights once they are downloaded."""
    return Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]


def _build(name: str, auxiliary: bool = False, **options: int) -> nn.Module:
    """An untrained network; two have further classifiers that only training uses."""
    if name in ("googlenet", "inception_v3"):
        # As with torchvision's weights, which expect another normalisation than their transform's;
        # initialised by torch, as the papers' truncated normals take scipy half a minute.
        options |= {"aux_logits": auxiliary, "transform_input": True, "init_weights": False}
    return get_model(name, **options)


def _with_weights(model: str, name: str, file: str) -> tuple[nn.Module, int]:
    """The network with the user's weights, and the number of classes that these tell apart."""
    state = from_file.read(file)
    auxiliary = any(key.lower().startswith("aux") for key in state)
    module, classes = _build(name, auxiliary), IMAGENET
    last = next(reversed([k for k in module.state_dict() if k.endswith("weight")]))
    if last in state and state[last].ndim >= 2 and len(state[last]) != classes:
        classes = len(state[last])
        module = _build(name, auxiliary, num_classes=classes)
    from_file.put(state, module, file, f"torchvision:{model}")
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


def _forward(module: nn.Module, name: str, last: nn.Linear | None, notes: list[str]) -> Forward:
    """One pass through the whole network; hooks keep what passes the two places."""
    seen: dict[str, Tensor] = {}
    node = _node(module, name)
    if node is None:
        notes.append("the place of its last featuremaps is not known: it has none")
    else:
        node.register_forward_hook(lambda _, __, output: seen.update(maps=output))
    if last is not None:
        last.register_forward_pre_hook(lambda _, inputs: seen.update(embeddings=inputs[0]))

    def forward(images: Tensor) -> dict[str, Tensor]:
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

    return forward


def _maps(name: str, module: nn.Module, output: Tensor) -> Tensor:
    if name.startswith("densenet"):
        return output.relu()  # which the network applies itself, as a function
    if name.startswith("vit"):  # tokens [n, 1 + H W, C], the class token first
        side = module.image_size // module.patch_size
        return output[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    return output
