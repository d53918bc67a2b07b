"""What several architectures share."""

import torch
from torch import Tensor, nn


class Plain(nn.Module):
    """A network of `features` that end in a pooling, `avgpool`, and `classifier`."""

    @property
    def trunk(self) -> nn.Sequential:
        return self.features[:-1]

    @property
    def head(self) -> nn.Sequential:
        return nn.Sequential(self.features[-1], self.avgpool, nn.Flatten(), *self.classifier)

    @property
    def last(self) -> nn.Linear:
        return self.classifier[-1]

    @property
    def cuts(self) -> list[nn.Sequential]:
        """Up to the ReLU after each convolution. Raises ValueError if one has none."""
        ends = [i + 2 for i, layer in enumerate(self.features) if isinstance(layer, nn.Conv2d)]
        if not all(isinstance(self.features[end - 1], nn.ReLU) for end in ends):
            raise ValueError(
                f"{type(self).__module__.rpartition('.')[2]} cannot be cut: not every convolution "
                "has a ReLU after it; leave it out of truncation.architectures"
            )
        return [self.features[:end] for end in ends]

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))


def scaled(width: float, *channels: int) -> list[int]:
    """Channel counts times the width, rounded, at least 1."""
    return [max(1, round(c * width)) for c in channels]
