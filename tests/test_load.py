"""basemodel.load: the network that was ranked, for users of Python."""

import copy
import doctest
import hashlib
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image

import basemodel
import rank_weights
from basemodel.files import write_json
from basemodel.models.architectures import build
from basemodel.models.failures import Unusable
from basemodel.models.load import load
from basemodel.models.trained import save_weights
from basemodel.schema import SettingsError
from basemodel.selection.extract import extract
from basemodel.selection.names import parse
from basemodel.selection.shelf import shelf
from projects import ROOT

BASE = "base:resnet18/class02-01"
IMAGES = 5


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """One thread, and no weights but those of this test and of packages."""
    from huggingface_hub import constants

    torch.set_num_threads(1)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = Image.fromarray(load_sample_image("china.jpg"))
    image.save("photo.jpg")
    return image


def weights(folder, architecture):
    """A candidate with a file of random weights, made for the architecture's own size."""
    name = architecture.partition("@")[0]
    state = load(**parse(name).baseline.arguments).module.state_dict()
    save_file({n: t.contiguous() for n, t in state.items()}, folder / "w.safetensors")
    return {"file": str(folder / "w.safetensors"), "architecture": architecture}


def base_model(folder):
    network = {"architecture": "resnet18", "classes": 5, "width": 0.125, "stem": "small"}
    path = folder / "models" / "resnet18" / "class02-01.safetensors"
    save_weights(build(**network, dropout=0), path)
    preprocessing = {"size": 40, "crop": 32, "mean": [0.5] * 3, "std": [0.3] * 3}
    card = {"network": {**network, "dropout": 0}}
    card["preprocessing"] = preprocessing | {"interpolation": "bilinear"}
    write_json(path.with_suffix(".json"), card)


def images(folder):
    """Images of several modes and sizes, as images.json names them."""
    rng, probe = np.random.default_rng(0), []
    for number in range(IMAGES):
        mode = ["RGB", "RGBA", "L"][number % 3]
        channels = {"RGB": (3,), "RGBA": (4,), "L": ()}[mode]
        pixels = rng.integers(0, 256, (250 + number, 300, *channels), dtype=np.uint8)
        path, exif = folder / f"{number}.png", Image.Exif()
        exif[0x0112] = 6  # lying on its side
        Image.fromarray(pixels).save(path, exif=exif)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        probe.append({"file": path.name, "label": 0, "sha256": digest})
    return {"folder": str(folder), "probe": probe}


@pytest.mark.parametrize(
    "named",
    ["timm:tf_efficientnet_lite0.in1k", "timm:test_vit", "timm:test_vit@96",
     "torchvision:shufflenet_v2_x0_5", "torchvision:squeezenet1_1", BASE],
)  # fmt: skip
def test_it_gives_the_embeddings_that_were_ranked(tmp_path, named):
    if named == BASE:
        base_model(tmp_path)
    elif "lite" in named:
        rank_weights.weights(0)
    else:
        named = weights(tmp_path, named)
    chosen, outputs = images(tmp_path), tmp_path / "embeddings.npy"
    others = {name: tmp_path / f"{name}.npy" for name in ("featuremaps", "probabilities")}
    outputs = {"embeddings": outputs, **others}
    extract(parse(named), chosen, outputs, tmp_path / "models", tmp_path / "kept", "float32")
    ranked = np.load(tmp_path / "embeddings.npy")

    model, transform = basemodel.load(named, results=tmp_path)
    files = [tmp_path / each["file"] for each in chosen["probe"]]
    for image in (lambda path: path, str, Image.open):
        batch = torch.stack([transform(image(file)) for file in files])
        with torch.inference_mode():
            found = model(batch).numpy()
        assert found.shape == ranked.shape
        # Batch normalisation is folded while models are ranked, which rounds otherwise.
        folded = any(isinstance(layer, torch.nn.BatchNorm2d) for layer in model.modules())
        bound = 1e-5 if folded else 1e-6
        assert np.abs(found - ranked).max() < bound * max(1, np.abs(ranked).max())


@pytest.mark.parametrize("named", ["timm:test_resnet", "torchvision:squeezenet1_1", BASE])
def test_a_new_last_layer_can_be_trained_copied_and_saved(tmp_path, named):
    if named == BASE:
        base_model(tmp_path)
    else:
        named = weights(tmp_path, named)
    model, transform = basemodel.load(named, num_classes=3, results=tmp_path)
    assert not model.training
    batch = torch.stack([transform(Image.new("L", (70, 90), grey)) for grey in (0, 90)])
    twin = copy.deepcopy(model)
    assert model(batch).shape == (2, 3)
    loss = torch.nn.functional.cross_entropy(model.train()(batch), torch.tensor([0, 2]))
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    with torch.no_grad():  # the copy is one
        for parameter in model.parameters():
            parameter.zero_()
    assert twin(batch).any()
    pickle.loads(pickle.dumps((model, transform)))  # as workers of a DataLoader may need it


def test_the_example_of_its_documentation(photo):
    rank_weights.weights(0)
    [example] = doctest.DocTestFinder().find(basemodel.load, "load", globs={})
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize(
    ("named", "error", "said"),
    [
        ("resnet18", SettingsError, "does not say where the model is from"),
        ("timm:resnet81.a1_in1k", Unusable, "did you mean resnet"),
        ("timm:resnet18.a1_in1k", Unusable, "not on this machine; `snakemake rank_fetch`"),
        ("torchvision:resnet18", Unusable, "not on this machine; `snakemake rank_fetch`"),
        ("base:resnet18/none", Unusable, "there is no base model"),
        ({"file": "no.pth", "architecture": "timm:resnet18"}, Unusable, "there is no file no.pth"),
        ({"embeddings": "e.npy"}, Unusable, "embeddings are no model"),
    ],
)
def test_what_cannot_be_loaded_is_told(tmp_path, named, error, said):
    with pytest.raises(error, match=said):
        basemodel.load(named, results=tmp_path)


def test_importing_the_package_is_light():
    code = "import sys, basemodel; print({'torch', 'timm', 'PIL', 'numpy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "set()\n", run.stderr


@pytest.mark.parametrize("file", ["README.md", "docs/rank.md"])
def test_the_python_of_the_documentation(photo, file):
    rank_weights.weights(1)
    text = (ROOT / file).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [code] = [block for block in blocks if "basemodel.load(" in block]
    found = {}
    exec(code, found)
    assert found.get("logits", torch.zeros(1, 8)).shape == (1, 8)
    assert found.get("embedding", torch.zeros(1, 1280)).shape == (1, 1280)


@pytest.mark.full
@pytest.mark.parametrize("named", [candidate.label for candidate in shelf()])
def test_every_architecture_of_the_shelf(named):
    """With random weights, as those of most cannot be had here."""
    model = load(**parse(named).baseline.arguments)
    images = torch.rand(1, 3, *model.preprocessing.side)
    with torch.inference_mode(False), torch.no_grad():
        found = model.forward(images)
        assert found["featuremaps"].ndim == 4
        assert torch.equal(model.network()(images), found["embeddings"])
