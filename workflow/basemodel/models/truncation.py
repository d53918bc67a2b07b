"""Networks cut after a convolutional layer; pooling and a new last layer replace the rest.

Layers are counted from 0 in the order of the forward pass, and 1x1 convolutions in shortcuts are
left out: 0..4 for AlexNet, 0..12 for VGG16, 0..16 for ResNet18, at any width and stem
(catalog.layers). A cut network outputs the layer's activation: after its batch normalisation, if
any, and its ReLU, but before any pooling. So the last cut of each network is its trunk, on which
its base model is scored and fine-tuned.
"""

from torch import nn


def cut(model: nn.Module, layer: int) -> nn.Sequential:
    """The part of `model` up to a layer: images [n, 3, side, side] -> activations [n, C, H, W].

    A view that shares the model's weights; `model` is from architectures.build. Raises ValueError
    if the model has no such layer, or cannot be cut.
    """
    cuts = model.cuts
    if not 0 <= layer < len(cuts):
        raise ValueError(
            f"the network has the convolutional layers 0 to {len(cuts) - 1}, but is to be cut "
            f"after layer {layer}"
        )
    return cuts[layer]


def channels_of(trunk: nn.Sequential) -> int:
    """How many channels a cut network has: the length of its embeddings."""
    # The last convolution registered may be a block's shortcut, which has as many.
    return [m.out_channels for m in trunk.modules() if isinstance(m, nn.Conv2d)][-1]
