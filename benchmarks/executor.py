"""How long does a short job take under Snakemake's own executor, and under the fork server?

Runs the same jobs, each a Python script that imports torch and writes one line, and prints the
seconds per job (of the whole run, including Snakemake's start and scheduler) and the ratio.

Snakemake's executor needs minutes for hundreds of identical jobs: unless --full is given, it runs
only the smallest number of them, and its times for the others are extrapolated.

Last come jobs without imports, with nothing preloaded: the fork server must not be slower there.

Usage: python benchmarks/executor.py [--jobs 60 500] [--trivial 300] [--cores 2] [--full]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SNAKEFILE = """
rule all:
    input:
        expand("out/{i}.txt", i=range(config["jobs"])),

rule short:
    output:
        "out/{i}.txt",
    log:
        "logs/{i}.log",
    script:
        "short.py"
"""
TORCH = """
import torch

with open(snakemake.output[0], "w") as file:
    print(torch.arange(10).sum().item(), file=file)
"""
TRIVIAL = """
with open(snakemake.output[0], "w") as file:
    print(45, file=file)
"""
OWN, FORKED = ["--executor", "local"], ["--executor", "forkserver"]
PRELOAD = ["--forkserver-preload", "torch"]


def seconds(script: str, jobs: int, cores: int, arguments: list[str]) -> float:
    """Run the jobs in a new folder and return the time in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Snakefile").write_text(SNAKEFILE)
        Path(folder, "short.py").write_text(script)
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
        command += ["--scheduler", "greedy", "--config", f"jobs={jobs}", *arguments]
        start = time.perf_counter()
        # Run in the new folder, so that this project's profile has no effect.
        subprocess.run(command, cwd=folder, check=True)
        elapsed = time.perf_counter() - start
        written = len(list(Path(folder, "out").iterdir()))
        assert written == jobs, f"{written} outputs of {jobs} jobs"
        return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[60, 500])
    parser.add_argument("--trivial", type=int, default=300)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--full", action="store_true", help="measure Snakemake's executor always")
    arguments = parser.parse_args()
    print(f"{arguments.cores} cores, Python {sys.version.split()[0]}")
    head = f"{'jobs':>5}  {'local, s/job':>14}  {'forkserver, s/job':>18}  {'ratio':>6}"
    print(f"{head}\nimport torch, which is preloaded")
    measured = None
    for jobs in sorted(arguments.jobs):
        scaled = measured is not None and not arguments.full
        if not scaled:
            measured = seconds(TORCH, jobs, arguments.cores, OWN) / jobs
        forked = seconds(TORCH, jobs, arguments.cores, FORKED + PRELOAD) / jobs
        row(jobs, measured, forked, "  (local: scaled from the fewest jobs)" if scaled else "")
    print("import nothing, nothing is preloaded")
    jobs = arguments.trivial
    row(jobs, *(seconds(TRIVIAL, jobs, arguments.cores, how) / jobs for how in (OWN, FORKED)))


def row(jobs: int, own: float, forked: float, note: str = "") -> None:
    print(f"{jobs:5}  {own:14.3f}  {forked:18.4f}  {own / forked:5.1f}x{note}", flush=True)


if __name__ == "__main__":
    main()
