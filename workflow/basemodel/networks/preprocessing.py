"""How images are prepared for a network; it stands on the network's card."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

# Means and standard deviations of ImageNet's channels, as in every torchvision recipe.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
INTERPOLATION = "bilinear"  # of packing and of random crops, antialiased


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects to be given. Sides are in pixels, means and deviations of 0..1."""

    size: int  # the shorter side is scaled to this when a data set is packed
    crop: int  # the side of the square in the middle that the network sees
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    interpolation: str = INTERPOLATION

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> "Preprocessing":
        """What a base model's card says. Raises KeyError if it says nothing."""
        facts = card["preprocessing"]
        return cls(**{**facts, "mean": tuple(facts["mean"]), "std": tuple(facts["std"])})

    def as_card(self) -> dict[str, Any]:
        return asdict(self)

    def centre_crop(self, images: Tensor) -> Tensor:
        """uint8 [n, H, W, 3] -> normalised float32 [n, 3, crop, crop], the middle of each image."""
        top, left = (images.shape[1] - self.crop) // 2, (images.shape[2] - self.crop) // 2
        middle = images[:, top : top + self.crop, left : left + self.crop]
        return self.normalise(middle.permute(0, 3, 1, 2))

    def normalise(self, images: Tensor) -> Tensor:
        """Values 0..255, [n, 3, H, W] -> float32, less the means and over the deviations."""
        mean, std = _on_device(self.mean, self.std, images.device)
        return ((images.float() - mean) / std).contiguous(memory_format=torch.channels_last)


@cache
def _on_device(mean: tuple, std: tuple, where: torch.device) -> tuple[Tensor, Tensor]:
    # Once per device: a tensor made from Python numbers waits until the device has nothing to do.
    with torch.inference_mode(False):  # whoever asks first, training may use them too
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) * 255 for values in (mean, std))
        return mean.to(where), std.to(where)
