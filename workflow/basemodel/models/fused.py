"""Batch normalisation of a network that is not trained, folded into the convolution before it.

A convolution that feeds nothing but its normalisation can compute both: its weights are scaled and
its bias moved, once. A network is fused in place, and stays so only if its outputs agree.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from basemodel.models.model import Model

# Of the largest value of an output: float32 rounds to 6e-8, in each of some hundred layers.
TOLERANCE = 1e-4
Pair = tuple[nn.Conv2d, nn.BatchNorm2d]


def fuse(model: Model) -> int:
    """Fold each batch normalisation of the model that can be, and return how many were.

    The model must be on the CPU. It can be passed images afterwards, and nothing else: parameters
    are no longer those of the architecture. Outputs change by rounding. If one of a test image
    changes by more than TOLERANCE, all is as before.
    """
    norms = [each for each in model.module.modules() if _can_be_folded(each)]
    if not norms:
        return 0
    image = torch.rand(1, 3, *model.preprocessing.side, generator=torch.Generator().manual_seed(0))
    before, pairs = _observed(model, norms, image)
    kept = [(convolution.weight, convolution.bias) for convolution, _ in pairs]
    for pair in pairs:
        _fold(*pair)
    if not pairs or _agree(before, _outputs(model, image)):
        return len(pairs)
    for (convolution, norm), (weight, bias) in zip(pairs, kept, strict=True):
        convolution.weight, convolution.bias = weight, bias
        del norm.forward  # the class's own again
    return 0


def _outputs(model: Model, image: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():  # not inference_mode: some networks keep what they computed at first
        return model.forward(image)


def _observed(
    model: Model, norms: list[nn.BatchNorm2d], image: Tensor
) -> tuple[dict[str, Tensor], list[Pair]]:
    """The outputs for an image, and the convolutions whose output a normalisation takes as it is.

    Each must be used once, or the other use would get what is normalised.
    """
    made: dict[int, tuple[nn.Conv2d, Tensor, int]] = {}  # by identity of an output, which is kept
    calls: dict[nn.Module, int] = {}
    pairs: list[Pair] = []

    def after(module: nn.Module, _: tuple, output: Tensor) -> None:
        calls[module] = calls.get(module, 0) + 1
        made[id(output)] = (module, output, output._version)

    def before(module: nn.Module, inputs: tuple) -> None:
        calls[module] = calls.get(module, 0) + 1
        convolution, _, version = made.get(id(inputs[0]), (None, None, 0))
        if convolution and version == inputs[0]._version:  # not changed in place meanwhile
            pairs.append((convolution, module))

    hooks = [
        each.register_forward_hook(after)
        for each in model.module.modules()
        if isinstance(each, nn.Conv2d)
    ]
    hooks += [each.register_forward_pre_hook(before) for each in norms]
    try:
        found = _outputs(model, image)
    finally:
        for hook in hooks:
            hook.remove()
    return found, [(one, other) for one, other in pairs if calls[one] == calls[other] == 1]


def _can_be_folded(module: nn.Module) -> bool:
    """If a convolution comes before it: it has statistics, and what else it does is known."""
    if not isinstance(module, nn.BatchNorm2d) or module.running_var is None:
        return False
    return _rest(module) is not None


def _rest(normalisation: nn.BatchNorm2d) -> Callable[[Tensor], Tensor] | None:
    """What it does after normalising; None if that is not known. timm's apply an activation."""
    if type(normalisation).forward is nn.BatchNorm2d.forward:
        return lambda values: values
    if type(normalisation).__name__ == "BatchNormAct2d":
        return lambda values: normalisation.act(normalisation.drop(values))
    return None


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps,
        norm.weight, norm.bias,
    )  # fmt: skip
    norm.forward = _rest(norm)


def _agree(before: dict[str, Tensor], after: dict[str, Tensor]) -> bool:
    return all(
        (after[name] - values).abs().max() <= TOLERANCE * values.abs().max()
        for name, values in before.items()
    )
