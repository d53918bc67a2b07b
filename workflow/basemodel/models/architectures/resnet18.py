"""He et al.'s 18-layer residual network, as in torchvision.

It is cut after

* layer 0: the first convolution, before the max-pool;
* 2b+1: the first convolution of block b (from 0): relu(bn1(conv1(x))) of the block's input x,
  before the shortcut is added. What the shortcut would have carried past the cut is lost;
* 2b+2: the second: the output of the block, with the shortcut added.

The 1x1 convolutions in the shortcuts do not count.
"""

import torch
from torch import Tensor, nn

from basemodel.models.architectures._shared import scaled

TITLE = "ResNet18"
LINE = "--"
LAYERS = 17
SMALLEST = {"imagenet": 1, "small": 1}
SIZES = {"imagenet": (1.81e9, 803e3, 11.7e6), "small": (240e6, 16.4e3, 11.2e6)}
ONE_POSITION = {"imagenet": 32, "small": 8}


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


class Network(nn.Module):
    def __init__(self, classes: int, width: float, stem: str, dropout: float):
        super().__init__()  # dropout is unused: the argument is there to match the other networks
        stages = scaled(width, 64, 128, 256, 512)
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

    @property
    def cuts(self) -> list[nn.Sequential]:
        before = [self.conv1, self.bn1, self.relu]
        found = [nn.Sequential(*before)]
        before.append(self.maxpool)
        for block in (*self.layer1, *self.layer2, *self.layer3, *self.layer4):
            found.append(nn.Sequential(*before, block.conv1, block.bn1, block.relu))
            before.append(block)
            found.append(nn.Sequential(*before))
        return found

    def forward(self, images: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))
