"""Loading candidates from each source: their weights, or what is wrong with them."""

import os
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image

import rank_weights
from basemodel.data.decode import square
from basemodel.files import write_json
from basemodel.models import from_torchvision
from basemodel.models.architectures import build
from basemodel.models.failures import Unusable
from basemodel.models.load import load
from basemodel.models.preprocessing import Preprocessing
from basemodel.models.trained import save_weights
from basemodel.rank.names import parse

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


@pytest.mark.parametrize("architecture", ["torchvision:squeezenet1_1", "torchvision:mnasnet0_5"])
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


def test_files_that_hold_no_weights_are_told(tmp_path):
    torch.save({"weights": Program(tmp_path / "ran")}, tmp_path / "program.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "text.safetensors").write_text("<html>")
    (tmp_path / "text.pth").write_text("<html>")
    for name, said in {
        "program.pth": "cannot be read without running code that it may contain; save its state_d",
        "text.pth": "cannot be read without running code",
        "list.pth": "holds no weights by name",
        "text.safetensors": "cannot be read: .*; get it again",
        "missing.pth": "there is no file .*missing.pth; correct its name",
    }.items():
        with pytest.raises(Unusable, match=said):
            load(**file_of(tmp_path / name).arguments, models=tmp_path)
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
    path = rank_weights.weights(0, tmp_path)
    overlay = {"file": str(path)}
    theirs = timm.create_model(
        "tf_efficientnet_lite0", pretrained=True, pretrained_cfg_overlay=overlay
    ).eval()
    candidate = parse("timm:tf_efficientnet_lite0.in1k")
    in_hub(tmp_path, candidate, {k: v.clone() for k, v in theirs.state_dict().items()})
    shutil.copy(path, tmp_path / "mine.safetensors")
    mine = file_of(tmp_path / "mine.safetensors", "timm:tf_efficientnet_lite0")
    for each in (candidate, mine):
        network = load(**each.arguments, models=tmp_path)
        found = seen(network, photo())
        with torch.inference_mode():
            answer = theirs(network.preprocessing(photo())[None]).softmax(1)
        assert torch.equal(found["probabilities"], answer)
        assert int(answer.argmax()) == 698  # a palace
