"""AlexNet, VGG16 and ResNet18 with a width and a stem.

At width 1 with the `imagenet` stem each network is torchvision's: the same parameter names and
shapes, and the same output for the same weights. The `small` stem is for images of about 32
pixels: it drops some strides and poolings so that the last featuremap keeps 4 x 4 positions instead
of one, and it pools to a smaller grid before the fully connected layers.

Every network is `head(trunk(images))`. Both are views of its layers and share its weights:

* `trunk`: images [n, 3, side, side] -> featuremaps [n, C, H, W], the last convolutional layer after
  its ReLU and before any pooling (AlexNet 256x13x13, VGG16 512x14x14, ResNet18 512x7x7);
* `head`: featuremaps -> logits [n, classes]; its last layer, fully connected, is `last`.
"""

import torch
from torch import Tensor, nn

STEMS = ("imagenet", "small")


class Plain(nn.Module):
    """What AlexNet and VGG16 share: `features` that end in a max-pool, `avgpool`, `classifier`."""

    @property
    def trunk(self) -> nn.Sequential:
        return self.features[:-1]

    @property
    def head(self) -> nn.Sequential:
        return nn.Sequential(self.features[-1], self.avgpool, nn.Flatten(), *self.classifier)

    @property
    def last(self) -> nn.Linear:
        return self.classifier[-1]

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))


class AlexNet(Plain):
    """Krizhevsky's "One weird trick" AlexNet, as in torchvision."""

    def __init__(
        self, classes: int, width: float = 1, stem: str = "imagenet", dropout: float = 0.5
    ):
        super().__init__()
        c1, c2, c3, c4, hidden = _scaled(width, 64, 192, 384, 256, 4096)
        if stem == "imagenet":
            first = nn.Conv2d(3, c1, kernel_size=11, stride=4, padding=2)
            grid, pad = 6, 0
        else:
            first = nn.Conv2d(3, c1, kernel_size=5, stride=2, padding=2)
            grid, pad = 2, 1
        self.features = nn.Sequential(
            first, nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=pad),
            nn.Conv2d(c1, c2, kernel_size=5, padding=2), nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=pad),
            nn.Conv2d(c2, c3, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(c3, c4, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(c4, c4, kernel_size=3, padding=1), nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=pad),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d(grid)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(c4 * grid * grid, hidden), nn.ReLU(inplace=True),
            nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, classes),
        )  # fmt: skip


class VGG16(Plain):
    """Simonyan and Zisserman's configuration D without batch normalisation, as in torchvision."""

    def __init__(
        self, classes: int, width: float = 1, stem: str = "imagenet", dropout: float = 0.5
    ):
        super().__init__()
        stages = [[64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3]
        small = stem == "small"
        pooled = [1, 2, 4] if small else [0, 1, 2, 3, 4]  # the stages that end in a max-pool
        grid = 2 if small else 7
        layers: list[nn.Module] = []
        before = 3
        for index, stage in enumerate(stages):
            for channels in _scaled(width, *stage):
                stride = 2 if small and not layers else 1
                layers.append(nn.Conv2d(before, channels, 3, stride=stride, padding=1))
                layers.append(nn.ReLU(inplace=True))
                before = channels
            if index in pooled:
                layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        (hidden,) = _scaled(width, 4096)
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(grid)
        self.classifier = nn.Sequential(
            nn.Linear(before * grid * grid, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )  # fmt: skip
        for layer in self.modules():  # as torchvision makes them
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0, 0.01)
                nn.init.zeros_(layer.bias)


class Shortcut(nn.Conv2d):
    """A 1x1 convolution that takes the positions of its stride first: the same numbers.

    With a stride and fewer channels than a vector register holds, oneDNN's gradient writes past its
    memory (oneDNN issue 6035; seen to crash with torch 2.15, AVX-512 and two threads).
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.in_channels >= 16:
            return super().forward(x)
        down, right = self.stride
        return nn.functional.conv2d(x[:, :, ::down, ::right], self.weight)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2015)."""

    def __init__(self, before: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or before != channels:
            self.downsample = nn.Sequential(
                Shortcut(before, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + shortcut)


class ResNet18(nn.Module):
    """He et al.'s 18-layer residual network, as in torchvision."""

    def __init__(self, classes: int, width: float = 1, stem: str = "imagenet", dropout: float = 0):
        super().__init__()  # dropout is unused: the argument is there to match the other networks
        stages = _scaled(width, 64, 128, 256, 512)
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(3, stages[0], 7, stride=2, padding=3, bias=False)
            self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
            strides = (1, 2, 2, 2)
        else:
            self.conv1 = nn.Conv2d(3, stages[0], 3, stride=2, padding=1, bias=False)
            self.maxpool = nn.Identity()
            strides = (1, 2, 2, 1)
        self.bn1 = nn.BatchNorm2d(stages[0])
        self.relu = nn.ReLU(inplace=True)
        before = stages[0]
        for number, (channels, stride) in enumerate(zip(stages, strides, strict=True), start=1):
            blocks = BasicBlock(before, channels, stride), BasicBlock(channels, channels, 1)
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            before = channels
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(before, classes)
        for layer in self.modules():  # as torchvision makes them
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    @property
    def trunk(self) -> nn.Sequential:
        stem = self.conv1, self.bn1, self.relu, self.maxpool
        return nn.Sequential(*stem, self.layer1, self.layer2, self.layer3, self.layer4)

    @property
    def head(self) -> nn.Sequential:
        return nn.Sequential(self.avgpool, nn.Flatten(), self.fc)

    @property
    def last(self) -> nn.Linear:
        return self.fc

    def forward(self, images: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


NETWORKS = {"alexnet": AlexNet, "vgg16": VGG16, "resnet18": ResNet18}


def build(architecture: str, classes: int, width: float, stem: str, dropout: float) -> nn.Module:
    """An untrained network; `architecture` is a key of NETWORKS."""
    return NETWORKS[architecture](classes, width=width, stem=stem, dropout=dropout)


def initialise(network: nn.Module, how: str) -> None:
    """`torchvision`: leave the network as it was built. `kaiming`: normal, by fan-in, biases zero.

    Without batch normalisation, torch's default, which AlexNet uses, shrinks the signal layer by
    layer, and a narrow network may never start to learn; He et al.'s (2015) keeps its scale.
    """
    if how == "kaiming":
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def _scaled(width: float, *channels: int) -> list[int]:
    """Channel counts times the width, rounded, at least 1."""
    return [max(1, round(c * width)) for c in channels]
