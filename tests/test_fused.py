"""Folding batch normalisation into convolutions: outputs stay, or else the network does."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basemodel.models.fused import TOLERANCE, fuse
from basemodel.models.load import load
from basemodel.models.model import Model
from basemodel.models.preprocessing import Preprocessing


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def trained(module: nn.Module) -> nn.Module:
    """With statistics and weights of normalisation that are not those of a new network."""
    generator = torch.Generator().manual_seed(1)
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            for tensor, low, high in (
                (each.running_mean, -0.3, 0.3), (each.running_var, 0.5, 2),
                (each.weight.data, 0.5, 1.5), (each.bias.data, -0.3, 0.3),
            ):  # fmt: skip
                tensor.uniform_(low, high, generator=generator)
    return module.eval()


def of(module: nn.Module) -> Model:
    taken = Preprocessing(None, (24, 24))
    return Model(trained(module), taken, lambda images: {"featuremaps": module(images)})


def normalising(model: Model) -> int:
    """How many batch normalisations a pass computes, by their kernel."""
    count, real = 0, F.batch_norm

    def counted(*arguments, **options):
        nonlocal count
        count += 1
        return real(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(F, "batch_norm", counted)
        model.forward(torch.rand(1, 3, *model.preprocessing.side))
    return count


class Block(nn.Module):
    """conv -> BN, with something in between or beside."""

    def __init__(self, between=None, beside=False, twice=False):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        self.between, self.beside, self.twice = between, beside, twice

    def forward(self, images: Tensor) -> Tensor:
        found = self.convolution(images)
        if self.twice:
            found = self.convolution(found)
        if self.between:
            found = self.between(found)
        return self.norm(found) + (found if self.beside else 0)


# A network, how many of its normalisations can be folded, and how many are left.
NETWORKS = {
    "torchvision:resnet18": (20, 0),
    "timm:test_efficientnet": (13, 0),  # normalisation with activation, in one module
    "torchvision:densenet121": (59, 62),  # the others come before their convolutions
    "torchvision:shufflenet_v2_x0_5": (56, 0),
    "timm:repvgg_a0": (44, 17),  # its shortcuts are normalisations alone
    "timm:test_vit": (0, 0),
}


@pytest.mark.parametrize(("name", "counts"), NETWORKS.items())
def test_what_a_network_gives_stays(name, counts, tmp_path):
    library, _, model = name.partition(":")
    if library == "timm":
        pytest.importorskip("timm")
    network = load(library, model, untrained=True, models=tmp_path)
    trained(network.module)
    images = torch.rand(2, 3, *network.preprocessing.side)
    with torch.inference_mode():
        before = network.forward(images)
    assert fuse(network) == counts[0]
    with torch.inference_mode():
        after = network.forward(images)
    assert before.keys() == after.keys()
    for what, values in before.items():
        assert (after[what] - values).abs().max() <= TOLERANCE * values.abs().max()
    assert normalising(network) == counts[1]


@pytest.mark.parametrize("between", [lambda values: values.relu(), lambda values: values.relu_()])
def test_what_is_normalised_must_be_what_was_convolved(between):
    """In place as well: then it is the same tensor."""
    model = of(Block(between))
    assert fuse(model) == 0
    assert normalising(model) == 1


def test_a_convolution_that_is_used_twice_stays():
    assert fuse(of(Block(twice=True))) == 0


def test_a_network_whose_outputs_would_change_is_left_as_it_was():
    module = nn.Sequential(Block(), Block(beside=True))
    model, images = of(module), torch.rand(2, 3, 24, 24)
    state = {name: values.clone() for name, values in module.state_dict().items()}
    with torch.no_grad():
        before = module(images)
        assert fuse(model) == 0
        assert torch.equal(module(images), before)
    assert state.keys() == module.state_dict().keys()
    assert all(torch.equal(state[name], values) for name, values in module.state_dict().items())
    assert normalising(model) == 2


def test_normalisation_without_statistics_of_its_own_stays():
    """It takes those of the batch."""
    norm = nn.BatchNorm2d(4, affine=False, track_running_stats=False)
    block = nn.Sequential(nn.Conv2d(3, 4, 3), norm).eval()
    assert fuse(Model(block, Preprocessing(None, 24), lambda x: {"featuremaps": block(x)})) == 0
