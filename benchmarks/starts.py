"""How long a job takes to start, in the fork server, and what one core computes in that time."""

import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml

from basemodel.models.architectures import build
from basemodel.models.cost import count
from snakemake_executor_plugin_forkserver.client import ForkServer

ROOT = Path(__file__).resolve().parents[1]
# A job up to its first convolution, with which the libraries are loaded that networks need.
JOB = """
import json
import os
import time
from pathlib import Path

import torch

where = torch.device(os.environ["WHERE"])
convolution = torch.nn.Conv2d(3, 8, 3).to(where)
convolution(torch.ones(1, 3, 32, 32, device=where)).sum().item()
seen = {"ready": time.monotonic()}
if where.type == "cuda":
    seen["free"] = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()
Path(os.environ["REPORT"]).write_text(json.dumps(seen))
"""


def start(where: torch.device, times: int = 5) -> tuple[float, int]:
    """Seconds from the fork to the first finished convolution, the median, and bytes that CUDA
    takes on the GPU in each process (0 on the CPU)."""
    # What the default profile preloads, too.
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    server = ForkServer(profile["slurm-bundles-preload"].split())
    seconds, taken = [], []
    with tempfile.TemporaryDirectory() as folder:
        script, report = Path(folder, "job.py"), Path(folder, "report.json")
        script.write_text(JOB)
        request = {
            "script": str(script), "cwd": folder, "log": None, "threads": 1,
            "env": {**os.environ, "WHERE": where.type, "REPORT": str(report)},
        }  # fmt: skip
        try:
            for _ in range(times + 1):
                free = torch.cuda.mem_get_info()[0] if where.type == "cuda" else 0
                began = time.monotonic()
                child = server.fork(request)
                code = child.wait_for("code")
                child.close()
                if code != 0:
                    raise RuntimeError(f"the job that starts on {where} ended with {code}")
                seen = json.loads(report.read_text())
                seconds.append(seen["ready"] - began)
                taken.append(free - seen["free"] if where.type == "cuda" else 0)
        finally:
            server.close()
    # The first waited for the server's imports.
    return float(np.median(seconds[1:])), int(np.median(taken[1:]))


def core_speed(seconds: float = 2.0) -> float:
    """Multiply-adds a second of one core that passes images through config.yaml's networks: the
    median of the networks'."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    side, speeds, threads = config["image"]["crop"], [], torch.get_num_threads()
    torch.set_num_threads(1)
    images = torch.randn(256, 3, side, side).to(memory_format=torch.channels_last)
    for name, size in config["architectures"].items():
        model = build(name, 10, width=size["width"], stem=size["stem"]).eval()
        model.to(memory_format=torch.channels_last)
        with torch.inference_mode():
            model(images)
            # Of this process's own time: what else the machine does is not counted.
            done, began = 0, time.process_time()
            while time.process_time() - began < seconds:
                model(images)
                done += len(images)
        speeds.append(done / (time.process_time() - began) * count(model, side).multiply_adds)
    torch.set_num_threads(threads)
    return float(np.median(speeds))


def gpu_from() -> float:
    """The default of runtime.gpu_from."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return float(config["runtime"]["gpu_from"])
