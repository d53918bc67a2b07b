"""Work for some seconds, and write down when and where."""

import json
import os
import time
from pathlib import Path

started = time.time()
print("at work", flush=True)
output = Path(snakemake.output[0])
with output.with_name(f"{output.name}.runs").open("a") as file:
    file.write("x")
runs = output.with_name(f"{output.name}.runs").stat().st_size
time.sleep(snakemake.params.seconds)
while len(list(output.parent.glob("*.runs"))) < snakemake.params.get("meet", 0):
    time.sleep(0.1)
while Path("hold").exists():
    time.sleep(0.1)
if runs <= int(snakemake.params.get("fails") or 0):
    raise SystemExit("fails as it was told to")
record = {
    "started": started,
    "ended": time.time(),
    "node": os.environ.get("SLURMD_NODENAME"),
    "job": os.environ.get("SLURM_JOB_ID"),
    "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
    "runs": runs,
}
output.write_text(json.dumps(record))
