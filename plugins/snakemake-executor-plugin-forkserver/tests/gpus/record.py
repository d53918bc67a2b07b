"""Write the GPUs that this job sees, and from when to when."""

import os
import time
from pathlib import Path

start = time.time()
time.sleep(0.3)
seen = os.environ.get("CUDA_VISIBLE_DEVICES", "unset")
Path(snakemake.output[0]).write_text(f"{seen} {start} {time.time()}\n")
