"""Networks cut after a convolutional layer; pooling and a new last layer replace the rest.

Layers are counted from 0 in the order of the forward pass, without the 1x1 convolutions in the
shortcuts of ResNet18: 0..4 for AlexNet, 0..12 for VGG16, 0..16 for ResNet18, at any width and
stem (catalog.layers). A cut network outputs the layer's activation: after its batch normalisation,
if any, and its ReLU, but before any pooling. In ResNet18

* 0 is the first convolution, before the max-pool;
* 2b+1 is the first convolution of block b (from 0): relu(bn1(conv1(x))) of the block's input x,
  before the shortcut is added. What the shortcut would have carried past the cut is lost;
* 2b+2 is the second: the output of the block, with the shortcut added.

So the last cut of each network is its trunk, on which its base model is scored and fine-tuned.
"""

import copy

import torch
from torch import Tensor, nn

from basemodel.networks.architectures import ResNet18


def cut(model: nn.Module, layer: int) -> nn.Sequential:
    """The part of `model` up to a layer: images [n, 3, side, side] -> activations [n, C, H, W].

    A view that shares the model's weights; `model` is one of architectures.NETWORKS.
    Raises ValueError if the model has no such layer.
    """
    count = _count(model)
    if not 0 <= layer < count:
        raise ValueError(
            f"{type(model).__name__} has the convolutional layers 0 to {count - 1}, but is to be "
            f"cut after layer {layer}"
        )
    if not isinstance(model, ResNet18):
        return model.features[: _convolutions(model)[layer] + 2]  # its ReLU comes next
    stem = model.conv1, model.bn1, model.relu
    if layer == 0:
        return nn.Sequential(*stem)
    block, second = divmod(layer - 1, 2)
    before = *stem, model.maxpool, *_blocks(model)[:block]
    last = _blocks(model)[block]
    rest = (last,) if second else (last.conv1, last.bn1, last.relu)
    return nn.Sequential(*before, *rest)


def truncated(model: nn.Module, layer: int, classes: int) -> tuple[nn.Sequential, nn.Linear]:
    """The frozen and the trained part of the cut network, as finetuning.divide returns them.

    Frozen, in evaluation mode: the cut, global average pooling and flattening, images
    [n, 3, side, side] -> features [n, C]. Trained: a new fully connected layer, features ->
    logits [n, classes]. The new layer is made on the default device, so that its weights do not
    depend on where the model is; the caller moves it there once it is initialised.
    """
    trunk = cut(model, layer)
    # The last convolution registered may be a block's shortcut, which has as many channels
    channels = [m.out_channels for m in trunk.modules() if isinstance(m, nn.Conv2d)][-1]
    frozen = nn.Sequential(trunk, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return frozen.eval(), nn.Linear(channels, classes)


def cost(model: nn.Module, side: int) -> tuple[int, int]:
    """Parameters, and multiply-adds for one image [1, 3, side, side], of any of these networks.

    Counts the multiply-adds of convolutions, including the shortcuts, and of fully connected
    layers; biases, batch normalisation, ReLU and pooling are left out, as is usual. To count the
    new layer as well, pass nn.Sequential(*truncated(...)).
    """
    # Only shapes matter: on the meta device nothing is computed, and a copy leaves the model as it
    # is (its batch statistics, its mode, its hooks).
    shapes = copy.deepcopy(model).to("meta").eval()
    total = 0

    def count(module: nn.Conv2d | nn.Linear, _: tuple[Tensor], output: Tensor) -> None:
        nonlocal total
        total += output.numel() * module.weight[0].numel()  # one weight vector per output

    for module in shapes.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        shapes(torch.empty(1, 3, side, side, device="meta"))
    return sum(p.numel() for p in model.parameters()), total


def _count(model: nn.Module) -> int:
    return 1 + 2 * len(_blocks(model)) if isinstance(model, ResNet18) else len(_convolutions(model))


def _blocks(model: ResNet18) -> list[nn.Module]:
    return [*model.layer1, *model.layer2, *model.layer3, *model.layer4]


def _convolutions(model: nn.Module) -> list[int]:
    """The indices of the convolutions in the features of AlexNet or VGG16."""
    return [i for i, module in enumerate(model.features) if isinstance(module, nn.Conv2d)]
