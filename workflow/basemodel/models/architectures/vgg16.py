"""Simonyan and Zisserman's configuration D without batch normalisation, as in torchvision."""

from torch import nn

from basemodel.models.architectures._shared import Plain, scaled

TITLE = "VGG16"
LINE = ":"
LAYERS = 13
SMALLEST = {"imagenet": 32, "small": 15}
SIZES = {"imagenet": (15.5e9, 3.21e6, 138e6), "small": (394e6, 32.8e3, 40.3e6)}


class Network(Plain):
    def __init__(self, classes: int, width: float, stem: str, dropout: float):
        super().__init__()
        stages = [[64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3]
        small = stem == "small"
        pooled = [1, 2, 4] if small else [0, 1, 2, 3, 4]  # the stages that end in a max-pool
        grid = 2 if small else 7
        layers: list[nn.Module] = []
        before = 3
        for index, stage in enumerate(stages):
            for channels in scaled(width, *stage):
                stride = 2 if small and not layers else 1
                layers.append(nn.Conv2d(before, channels, 3, stride=stride, padding=1))
                layers.append(nn.ReLU(inplace=True))
                before = channels
            if index in pooled:
                layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        (hidden,) = scaled(width, 4096)
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
