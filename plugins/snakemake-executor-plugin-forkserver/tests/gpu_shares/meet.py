"""Write when this job comes and goes, and stay until as many jobs as it is to meet have come."""

import os
import time
from pathlib import Path


def note(line: str) -> None:
    with Path("trace").open("a") as trace:
        trace.write(f"{line}\n")  # small enough to be written in one piece


name, resources = snakemake.rule, snakemake.resources
share = resources.get("gpu_share", 100) if resources.get("gpu") else 0
note(f"+ {snakemake.output[0]} {share} {os.environ.get('CUDA_VISIBLE_DEVICES', 'unset')}")
kind, number = snakemake.params.get("meets", (name, 0))
end = time.monotonic() + 60
while Path("trace").read_text().count(f"+ out/{kind}") < number:
    if time.monotonic() > end:
        raise SystemExit(f"{name} has not met {number} of {kind}")
    time.sleep(0.02)
note(f"- {snakemake.output[0]}")
Path(snakemake.output[0]).touch()
