"""How images are prepared for a network, as recorded on its card."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

# Means and standard deviations of ImageNet's channels, as in all torchvision recipes.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
INTERPOLATION = "bilinear"  # of packing and of random crops, antialiased


@dataclass(frozen=True)
class Preprocessing:
    """The input that a network expects. Sides are in pixels; means and deviations refer to 0..1."""

    size: int  # the shorter side is scaled to this when a data set is packed
    crop: int  # the side of the central square that the network sees
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    interpolation: str = INTERPOLATION

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> "Preprocessing":
        """Read it from a base model's card. Raises KeyError if it is not there."""
        facts = card["preprocessing"]
        return cls(**{**facts, "mean": tuple(facts["mean"]), "std": tuple(facts["std"])})

    def as_card(self) -> dict[str, Any]:
        return asdict(self)

    def centre_crop(self, images: Tensor) -> Tensor:
        """uint8 [n, H, W, 3] -> normalised float32 [n, 3, crop, crop], cropped at the centre."""
        return self.normalise(self.centre(images))

    def centre(self, images: Tensor) -> Tensor:
        """uint8 [n, H, W, 3] -> a view of the centres, uint8 [n, 3, crop, crop]."""
        top, left = (images.shape[1] - self.crop) // 2, (images.shape[2] - self.crop) // 2
        middle = images[:, top : top + self.crop, left : left + self.crop]
        return middle.permute(0, 3, 1, 2)

    def normalise(self, images: Tensor) -> Tensor:
        """Values 0..255, [n, 3, H, W] -> float32, standardised by the means and deviations."""
        mean, std = _on_device(self.mean, self.std, images.device)
        return ((images.float() - mean) / std).contiguous(memory_format=torch.channels_last)


@cache
def _on_device(mean: tuple, std: tuple, where: torch.device) -> tuple[Tensor, Tensor]:
    # Cached per device, because making a tensor from Python numbers synchronises with the device.
    with torch.inference_mode(False):  # they are cached, and training may use them later
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) * 255 for values in (mean, std))
        return mean.to(where), std.to(where)
