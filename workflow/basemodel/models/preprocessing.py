"""How a network takes images: scaled and cropped, as bytes, then standardised.

Bytes, because images are kept that way, packed for an experiment or cropped for the candidates of a
ranking that crop alike. Standardising is done a batch at a time, on the network's device.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image

# Means and standard deviations of ImageNet's channels, as in all torchvision recipes.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
INTERPOLATION = "bilinear"  # of packing and of random crops, antialiased


@dataclass(frozen=True)
class Preprocessing:
    """The input that a network expects. Sides are in pixels; means and deviations refer to 0..1.

    This project's networks take packed images, which `size` and `crop` describe. Only what has a
    `transform` takes images from files; a library's own is all that is known of its scaling.
    """

    size: int | None  # the shorter side is scaled to this when a data set is packed; None: unknown
    crop: int | tuple[int, int]  # side, or height and width, of what the network sees: the centre
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    interpolation: str = INTERPOLATION
    # An upright RGB image of any size -> uint8 [3, H, W]; the same text for the same pixels.
    transform: "Callable[[Image.Image], Tensor] | None" = None

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> "Preprocessing":
        """Read it from a base model's card. Raises KeyError if it is not there."""
        facts = card["preprocessing"]
        return cls(**{**facts, "mean": tuple(facts["mean"]), "std": tuple(facts["std"])})

    def as_card(self) -> dict[str, Any]:
        names = ("size", "crop", "mean", "std", "interpolation")
        return {name: getattr(self, name) for name in names}

    @property
    def side(self) -> tuple[int, int]:
        """Height and width of what the network sees."""
        return (self.crop, self.crop) if isinstance(self.crop, int) else self.crop

    def __call__(self, image: "Image.Image") -> Tensor:
        """One upright RGB image as the network takes it, float32 [3, H, W]."""
        return self.normalise(self.transform(image)[None])[0]

    def centre_crop(self, images: Tensor) -> Tensor:
        """Packed images, uint8 [n, H, W, 3] -> float32 [n, 3, crop, crop], standardised."""
        return self.normalise(self.centre(images))

    def centre(self, images: Tensor) -> Tensor:
        """uint8 [n, H, W, 3] -> a view of the centres, uint8 [n, 3, crop, crop]."""
        top, left = (images.shape[1] - self.crop) // 2, (images.shape[2] - self.crop) // 2
        middle = images[:, top : top + self.crop, left : left + self.crop]
        return middle.permute(0, 3, 1, 2)

    def normalise(self, images: Tensor) -> Tensor:
        """Values 0..255, [n, 3, H, W] -> float32, standardised by the means and deviations.

        For a library's networks in the library's order, to agree with timm and torchvision to the
        last bit.
        """
        if self.size is None:
            mean, std = _on_device(self.mean, self.std, 1, images.device)
            images = images.float().div_(255).sub_(mean).div_(std)
        else:
            mean, std = _on_device(self.mean, self.std, 255, images.device)
            images = (images.float() - mean) / std
        return images.contiguous(memory_format=torch.channels_last)


@cache
def _on_device(mean: tuple, std: tuple, scale: int, where: torch.device) -> tuple[Tensor, Tensor]:
    # Cached per device, because making a tensor from Python numbers synchronises with the device.
    with torch.inference_mode(False):  # they are cached, and training may use them later
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) * scale for values in (mean, std))
        return mean.to(where), std.to(where)
