"""Write what depends on seeds, on the order of a set and on sums of floats."""

import random
from pathlib import Path

import numpy
import torch

random.seed(5)
numpy.random.seed(5)
torch.manual_seed(5)
words = " ".join({f"word{i}" for i in range(50)})
numbers = torch.randn(300, 300)
values = [random.random(), numpy.random.rand(), (numbers @ numbers).sum().item()]
Path(snakemake.output[0]).write_text(f"{words}\n{values!r}\n{torch.get_default_dtype()}\n")
