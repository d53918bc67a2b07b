"""Write numbers from generators that nobody has seeded."""

import json
import random
from pathlib import Path

import numpy
import torch

numbers = [random.random(), numpy.random.rand(), torch.rand(1).item(), torch.randn(1).item()]
Path(snakemake.output[0]).write_text(json.dumps(numbers))
