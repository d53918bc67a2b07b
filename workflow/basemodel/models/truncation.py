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

from torch import nn

from basemodel.models.architectures import ResNet18


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
        end = _convolutions(model)[layer] + 2
        if not isinstance(model.features[end - 1], nn.ReLU):
            raise ValueError(
                f"{type(model).__name__} cannot be cut: not every convolution has a ReLU after it; "
                "leave it out of truncation.architectures"
            )
        return model.features[:end]
    stem = model.conv1, model.bn1, model.relu
    if layer == 0:
        return nn.Sequential(*stem)
    block, second = divmod(layer - 1, 2)
    before = *stem, model.maxpool, *_blocks(model)[:block]
    last = _blocks(model)[block]
    rest = (last,) if second else (last.conv1, last.bn1, last.relu)
    return nn.Sequential(*before, *rest)


def channels_of(trunk: nn.Sequential) -> int:
    """How many channels a cut network has: the length of its embeddings."""
    # The last convolution registered may be a block's shortcut, which has as many.
    return [m.out_channels for m in trunk.modules() if isinstance(m, nn.Conv2d)][-1]


def _count(model: nn.Module) -> int:
    return 1 + 2 * len(_blocks(model)) if isinstance(model, ResNet18) else len(_convolutions(model))


def _blocks(model: ResNet18) -> list[nn.Module]:
    return [*model.layer1, *model.layer2, *model.layer3, *model.layer4]


def _convolutions(model: nn.Module) -> list[int]:
    """The indices of the convolutions in the features of AlexNet or VGG16."""
    return [i for i, module in enumerate(model.features) if isinstance(module, nn.Conv2d)]
