"""torchvision's classifiers."""

import re
from collections import OrderedDict
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.models.vision_transformer import interpolate_embeddings
from torchvision.transforms import CenterCrop, Compose, PILToTensor, Resize
from torchvision.transforms._presets import ImageClassification

from basemodel.files import sha256
from basemodel.models import from_file
from basemodel.models.failures import Unusable, nearest
from basemodel.models.model import Forward, Model
from basemodel.models.offline import REMEDY, offline
from basemodel.models.preprocessing import Preprocessing
from basemodel.seeds import seed_of

IMAGENET = 1000  # classes
AUXILIARY = ("googlenet", "inception_v3")  # have further classifiers
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


def check(model: str, file: str = "", key: str = "") -> None:
    """Raise Unusable for what `load` would refuse, as far as it shows without the network."""
    offline()
    chosen = weights_of(model)
    if file:
        _fitted(model, file, key)
    elif not cached(chosen).is_file():
        raise Unusable("its weights are not on this machine", REMEDY)


def load(model: str, file: str = "", key: str = "", untrained: bool = False) -> Model:
    """The model, with torchvision's weights, those of a file (under `key`, if it has several), or
    none.

    A name may end in the name of its weights (resnet50.IMAGENET1K_V1); the default is
    torchvision's. Raises Unusable if torchvision has no such model, or the weights are missing or
    do not fit.
    """
    offline()
    name, chosen = model.partition(".")[0], weights_of(model)
    facts = {
        "licence": None,  # torchvision's code is BSD; it states no licence of weights
        "source_classes": len(chosen.meta["categories"]),
        "imagenet_top1": chosen.meta["_metrics"].get("ImageNet-1K", {}).get("acc@1"),
        "weights": None,
        "sha256": None,
    }
    notes: list[str] = []
    if untrained:
        torch.manual_seed(seed_of("untrained", f"torchvision:{name}"))
        facts["imagenet_top1"] = None
        module = _build(name)
    elif file:
        module, classes, notes = _with_weights(model, file, key)
        facts |= {"source_classes": classes or None, "imagenet_top1": None, "weights": file}
        facts["sha256"] = sha256(file)
    else:
        path = cached(chosen)
        if not path.is_file():
            raise Unusable("its weights are not on this machine", REMEDY)
        facts |= {"weights": str(path), "sha256": sha256(path)}
        with from_file.downloaded(path):
            module = get_model(name, weights=chosen)
    last = _last_linear(module)
    if last is None:
        notes.append("it has no fully connected layer: embeddings are means of featuremaps")
    forward = _forward(module.eval(), name, last, bool(facts["source_classes"]), notes)
    return Model(module, preprocessing(model), forward, last, facts, notes)


def preprocessing(model: str) -> Preprocessing:
    """What `load` finds. Raises Unusable if torchvision has no such model."""
    return _preprocessing(weights_of(model).transforms())


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
    """The weights that are meant. Raises Unusable if there is no such model or weights."""
    name, _, tag = model.partition(".")
    if name not in (known := names()):
        raise Unusable(f"torchvision has no model {name!r}", nearest(name, known))
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
    if name in AUXILIARY:
        # As with torchvision's weights, which expect another normalisation than their transform's;
        # initialised by torch, as the papers' truncated normals take scipy half a minute.
        options |= {"aux_logits": auxiliary, "transform_input": True, "init_weights": False}
    return get_model(name, **options)


def _with_weights(model: str, file: str, key: str) -> tuple[nn.Module, int, list[str]]:
    """The network with the user's weights, how many classes these tell apart, and notes."""
    fitted, notes, auxiliary = _fitted(model, file, key)
    classes = {"num_classes": fitted.classes} if fitted.classes else {}
    module = _build(model.partition(".")[0], auxiliary, **classes)
    from_file.put(fitted, module)
    return module, fitted.classes, notes


def _fitted(model: str, file: str, key: str) -> tuple[from_file.Fitted, list[str], bool]:
    """The user's weights as torchvision names them, notes, and whether further classifiers are
    among them. Raises Unusable if they do not fit."""
    name, auxiliary = model.partition(".")[0], True

    def network(**classes: int) -> nn.Module:
        if name.startswith("regnet"):  # its widths are computed with tensors
            return _build(name, auxiliary, **classes)
        with torch.device("meta"):
            return _build(name, auxiliary, **classes)

    module = network()
    state, notes = from_file.stored(file, key, module.state_dict())
    auxiliary = any(each.lower().startswith("aux") for each in state)
    if name in AUXILIARY and not auxiliary:
        module = network()
    own = module.state_dict()
    if name.startswith("densenet"):  # as it was saved with torch 0.3
        old = re.compile(r"(denselayer\d+\.(norm|conv))\.(?=[12]\.)")
        state = {old.sub(r"\1", each): tensor for each, tensor in state.items()}
    where = "encoder.pos_embedding"  # of a vision transformer [1, 1 + positions, C]
    there, wanted = state.get(where), own.get(where)
    if there is not None and wanted is not None and there.shape[1:2] != wanted.shape[1:2]:
        state = interpolate_embeddings(module.image_size, module.patch_size, OrderedDict(state))
        notes.append("its position embeddings are resized")
    *_, last = (each for each in own if each.endswith("weight"))
    heads = [last.removesuffix(".weight")]
    shapes = lambda classes: network(num_classes=classes).state_dict()  # noqa: E731
    fitted = from_file.fit(state, own, shapes, heads, file, f"torchvision:{model}")
    return fitted, notes + fitted.notes, auxiliary


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


def _forward(
    module: nn.Module, name: str, last: nn.Linear | None, classes: bool, notes: list[str]
) -> Forward:
    """One pass through the whole network; hooks keep what passes the two places meanwhile."""
    node = _node(module, name)
    if node is None:
        notes.append("the place of its last featuremaps is not known: it has none")

    def forward(images: Tensor) -> dict[str, Tensor]:
        seen: dict[str, Tensor] = {}
        hooks = []
        if node is not None:
            keep = lambda _, __, output: seen.update(maps=output)  # noqa: E731
            hooks.append(node.register_forward_hook(keep))
        if last is not None:
            take = lambda _, inputs: seen.update(embeddings=inputs[0])  # noqa: E731
            hooks.append(last.register_forward_pre_hook(take))
        try:
            logits = module(images)
        finally:
            for hook in hooks:
                hook.remove()
        found = {}
        if "maps" in seen:
            found["featuremaps"] = _maps(name, module, seen["maps"])
        embeddings = seen.get("embeddings")
        if embeddings is None and "featuremaps" in found:
            embeddings = found["featuremaps"].mean((2, 3))
        if embeddings is not None:
            found["embeddings"] = embeddings.flatten(1)
        return found | ({"probabilities": logits.softmax(1)} if classes else {})

    return forward


def _maps(name: str, module: nn.Module, output: Tensor) -> Tensor:
    if name.startswith("densenet"):
        return output.relu()  # which the network applies itself, as a function
    if name.startswith("vit"):  # tokens [n, 1 + H W, C], the class token first
        side = module.image_size // module.patch_size
        return output[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    return output
