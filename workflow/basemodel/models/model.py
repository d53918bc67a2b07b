"""A model: a network, how it takes images, what it gives for them, and what is known about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from basemodel.models.architectures import initialise
from basemodel.models.cost import Cost, count
from basemodel.models.failures import Unusable
from basemodel.models.preprocessing import Preprocessing

# Prepared images, float32 [n, 3, H, W] -> those of featuremaps [n, C, H, W], embeddings [n, D] and
# probabilities of the source classes [n, Z] that the network has.
Forward = Callable[[Tensor], dict[str, Tensor]]
OUTPUTS = ("featuremaps", "embeddings", "probabilities")


@dataclass
class Model:
    """`module`: the network, on the CPU and in evaluation mode; `forward` follows it to another
    device. `classifier`: its last layer, a part of `module`; None if it has none of its own.

    `facts`: what the source says (licence, source_classes, imagenet_top1, and path and SHA-256 of
    the weights); `notes`: what the user should know, a line each. `remedy`: what to do if outputs
    are not finite. `stages`: of this project's networks, trunk (images -> featuremaps) and hidden
    layers (featuremaps -> embeddings); `forward` may be left out then.
    """

    module: nn.Module
    preprocessing: Preprocessing
    forward: Forward | None = None
    classifier: nn.Module | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    remedy: str = "the weights are damaged, or are those of another architecture"
    stages: tuple[nn.Module, nn.Sequential] | None = None

    def __post_init__(self):
        self.forward = self.forward or self._through_stages

    def to(self, where: torch.device) -> "Model":
        """Move it to a device; as channels_last, which is up to twice as fast."""
        self.module.to(where, memory_format=torch.channels_last)
        return self

    def cost(self) -> Cost:
        """What one image costs; a note is added if multiply-adds cannot be counted."""
        found = count(self.module, self.preprocessing.side, self.classifier)
        if found.uncounted:
            self.notes.append(f"multiply-adds cannot be counted ({found.uncounted})")
        return found

    def new_last(self, classes: int, initialisation: str) -> nn.Linear:
        """A new, untrained last layer, embeddings [n, D] -> logits [n, classes], on the CPU.

        `initialisation`: as in architectures.initialise. Raises Unusable if the network has no
        embeddings.
        """
        where = next(self.module.parameters()).device
        with torch.no_grad():  # not inference_mode: some networks keep what they computed at first
            found = self.forward(torch.zeros(1, 3, *self.preprocessing.side, device=where))
        if "embeddings" not in found:
            raise Unusable(
                "it gives no embeddings that a new last layer could take", "leave it out"
            )
        layer = nn.Linear(found["embeddings"].shape[1], classes)
        initialise(layer, initialisation)
        return layer

    def divided(self, last: nn.Module, trainable: str) -> tuple[nn.Module, nn.Module]:
        """The frozen part, which takes prepared images, and the trained part, which takes its
        output and gives logits; `last`, which takes embeddings, replaces the classifier.

        `trainable`: `last`, that layer alone; `head`, the hidden fully connected layers too, which
        only this project's networks have; `all`, everything. The frozen part is in evaluation
        mode, so that its batch normalisation and dropout are those of evaluation.
        """
        if trainable == "head":
            trunk, hidden = self.stages
            return trunk.eval(), nn.Sequential(*hidden, last)
        backbone = nn.Sequential(*self.stages) if self.stages else Backbone(self)
        if trainable == "last":
            return backbone.eval(), last
        self.module.requires_grad_(True)
        if self.classifier is not None:
            self.classifier.requires_grad_(False)
        if getattr(self.module, "aux_logits", False):  # GoogLeNet's and Inception's further ones
            self.module.aux_logits = False
        return nn.Identity(), nn.Sequential(backbone, last)

    def network(self, classes: int = 0) -> nn.Module:
        """Its module alone, on the device where it is: prepared images [n, 3, H, W] -> embeddings
        [n, D]; or, through a new last layer as torch initialises it, logits [n, classes].

        It is changed for that. Raises Unusable if it gives no embeddings.
        """
        last = self.new_last(classes, "torchvision") if classes else nn.Identity()
        if self.stages:
            return nn.Sequential(*self.stages, last).eval()
        if hasattr(self.module, "reset_classifier"):  # timm's networks know how
            self.module.reset_classifier(classes)
        elif self.classifier is None:  # torchvision's SqueezeNet
            self.module.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
        else:
            [name] = [n for n, each in self.module.named_modules() if each is self.classifier]
            self.module.set_submodule(name, last)
        if hasattr(self.module, "aux_logits"):  # GoogLeNet's and Inception's further ones
            self.module.aux_logits = False
        return self.module.eval()

    def _through_stages(self, images: Tensor) -> dict[str, Tensor]:
        trunk, hidden = self.stages
        featuremaps = trunk(images)
        found = {"featuremaps": featuremaps, "embeddings": hidden(featuremaps)}
        if self.classifier is not None:
            found["probabilities"] = self.classifier(found["embeddings"]).softmax(1)
        return found


class Backbone(nn.Module):
    """A model up to its embeddings: prepared images [n, 3, H, W] -> [n, D]."""

    def __init__(self, model: Model):
        super().__init__()
        self.module, self._forward = model.module, model.forward

    def forward(self, images: Tensor) -> Tensor:
        return self._forward(images)["embeddings"]
