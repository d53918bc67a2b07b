"""Krizhevsky's "One weird trick" AlexNet, as in torchvision."""

from torch import nn

from basemodel.models.architectures._shared import Plain, scaled

TITLE = "AlexNet"
LINE = "-"
LAYERS = 5
SMALLEST = {"imagenet": 63, "small": 1}
SIZES = {"imagenet": (714e6, 194e3, 61.1e6), "small": (76.5e6, 16.4e3, 23.8e6)}


class Network(Plain):
    def __init__(self, classes: int, width: float, stem: str, dropout: float):
        super().__init__()
        c1, c2, c3, c4, hidden = scaled(width, 64, 192, 384, 256, 4096)
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
