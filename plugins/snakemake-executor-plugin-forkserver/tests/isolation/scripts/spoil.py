"""Change all that a script can change of its process."""

import os
import random
import signal
import sys
import tempfile
from pathlib import Path

import beside
import numpy
import torch

output = Path(snakemake.output[0]).absolute()
beside.STATE.append("spoilt")
sys.modules["torch"].spoilt = True
sys.path.insert(0, "/spoilt")
os.environ["SPOILT"] = "1"
del os.environ["HOME"]
os.chdir("/")
os.umask(0o077)
signal.signal(signal.SIGINT, signal.SIG_IGN)
tempfile.tempdir = "/spoilt"
random.seed(1)
numpy.random.seed(1)
torch.manual_seed(1)
torch.set_num_threads(3)
torch.set_default_dtype(torch.float64)
output.write_text("")
