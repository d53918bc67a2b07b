"""Random crops and flips of a batch of images, on the device that holds it."""

import torch
from torch import Tensor

from basemodel.models.preprocessing import Preprocessing


def random_crop_flip(
    images: Tensor, preprocessing: Preprocessing, generator: torch.Generator
) -> Tensor:
    """Random resized crop and horizontal flip: uint8 [n, H, W, 3] -> float32 [n, 3, crop, crop].

    `generator` is a CPU generator, so that the boxes are the same on every device. On a GPU the
    crops are computed in float16, within 0.25 of a grey level of those in float32; torchvision's
    crops of bytes are rounded to whole levels.
    """
    boxes = crop_boxes(len(images), images.shape[1], images.shape[2], generator)
    flip = torch.rand(len(images), generator=generator) < 0.5
    dtype = torch.float16 if images.is_cuda else torch.float32
    crops = resized_crop(images, boxes, preprocessing.crop, flip, dtype)
    return preprocessing.normalise(crops)


def crop_boxes(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Boxes (top, left, height, width) in whole pixels, int64 [count, 4].

    The distribution is that of torchvision's RandomResizedCrop: area uniform in 0.08..1 of the
    image, aspect ratio log-uniform in 3/4..4/3, up to ten tries, then the largest central box.
    """
    tries = 10
    draw = torch.rand(4, count, tries, generator=generator, dtype=torch.float64)
    area = height * width * (0.08 + 0.92 * draw[0])
    low, high = torch.log(torch.tensor([3 / 4, 4 / 3], dtype=torch.float64))
    ratio = torch.exp(low + (high - low) * draw[1])
    w, h = torch.sqrt(area * ratio).round().long(), torch.sqrt(area / ratio).round().long()
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    first = fits.int().argmax(1, keepdim=True)
    w, h = w.gather(1, first)[:, 0], h.gather(1, first)[:, 0]
    top = (draw[2, :, 0] * (height - h + 1)).long()
    left = (draw[3, :, 0] * (width - w + 1)).long()
    boxes = torch.stack([top, left, h, w], 1)
    fallback_h, fallback_w = min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))
    centre = [(height - fallback_h) // 2, (width - fallback_w) // 2, fallback_h, fallback_w]
    boxes[~fits.any(1)] = torch.tensor(centre)
    return boxes


def resized_crop(
    images: Tensor,
    boxes: Tensor,
    side: int,
    flip: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Crop each image to its box and resize it: [n, H, W, c] -> `dtype` [n, c, side, side].

    Bilinear with antialiasing, like torchvision's resize, and mirrored where `flip`, bool [n], is
    true. Resizing is linear in rows and in columns, so crops of different sizes take two batched
    matrix products, and mirroring reverses the weights of the columns.
    """
    n, height, width, channels = images.shape
    boxes = _sent(boxes, images.device)
    rows = _weights(boxes[:, 0], boxes[:, 2], height, side)
    columns = _weights(boxes[:, 1], boxes[:, 3], width, side)
    if flip is not None:
        flip = _sent(flip, images.device)[:, None, None]
        columns = torch.where(flip, columns.flip(1), columns)
    # First the rows of all channels at once, in memory order; then the columns, one plane per
    # channel.
    half = torch.bmm(rows.to(dtype), images.reshape(n, height, width * channels).to(dtype))
    planes = half.view(n, side, width, channels).permute(0, 3, 1, 2)
    planes = planes.reshape(n, channels * side, width)
    return torch.bmm(planes, columns.to(dtype).mT).view(n, channels, side, side)


def _sent(drawn: Tensor, where: torch.device) -> Tensor:
    """Copy what was drawn on the CPU to the device without waiting for the device."""
    return drawn.pin_memory().to(where, non_blocking=True) if where.type == "cuda" else drawn


def _weights(start: Tensor, length: Tensor, size: int, side: int) -> Tensor:
    """Antialiased bilinear weights, float32 [n, side, size]; each row sums to 1."""
    start, length = start.float()[:, None, None], length.float()[:, None, None]
    scale = length / side
    support = scale.clamp(min=1)
    pixel = torch.arange(size, device=start.device) + 0.5 - start
    centre = (torch.arange(side, device=start.device)[:, None] + 0.5) * scale
    weights = (1 - (pixel - centre).abs() / support).clamp(min=0)
    weights = weights * ((pixel > 0) & (pixel < length))
    return weights / weights.sum(2, keepdim=True)
