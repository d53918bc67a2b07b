"""Write the images of a packed data set as files: train/ and test/ of class folders.

input:  meta: json; train, test: uint8 images; train_labels, test_labels: int64 (npy), of pack.py
output: a folder; class folders have the numbers of the classes, as names may be no file names
"""

from pathlib import Path

import numpy as np
from PIL import Image

from basemodel.run.provenance import verify

verify(snakemake.params.code)
for split in ("train", "test"):
    images = np.load(snakemake.input[split], mmap_mode="r")
    labels = np.load(snakemake.input[f"{split}_labels"])
    for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        folder = Path(snakemake.output[0], split, f"{label:03d}")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.squeeze()).save(folder / f"{number:05d}.png")
    print(f"{split}: {len(labels)} images")
