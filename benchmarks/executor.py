"""How long does a short job take under Snakemake's own executor, and under the fork server?

Runs the same jobs, each a Python script that imports torch and writes one line, and prints the
seconds a job (of the whole run: Snakemake's start and scheduler too) and the ratio.

Snakemake's executor needs minutes for hundreds of jobs, all alike: unless --full is given it runs
the fewest only, and its time for the others is scaled from there.

Usage: python benchmarks/executor.py [--jobs 60 500] [--cores 2] [--full]
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
SCRIPT = """
import torch

with open(snakemake.output[0], "w") as file:
    print(torch.arange(10).sum().item(), file=file)
"""
OWN, FORKED = ["--executor", "local"], ["--executor", "forkserver", "--forkserver-preload", "torch"]


def seconds(jobs: int, cores: int, arguments: list[str]) -> float:
    """Run the jobs in a new folder and return the seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Snakefile").write_text(SNAKEFILE)
        Path(folder, "short.py").write_text(SCRIPT)
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
        command += ["--scheduler", "greedy", "--config", f"jobs={jobs}", *arguments]
        start = time.perf_counter()
        # The profile of the workflow here must not take part: run in the new folder.
        subprocess.run(command, cwd=folder, check=True)
        elapsed = time.perf_counter() - start
        written = len(list(Path(folder, "out").iterdir()))
        assert written == jobs, f"{written} outputs of {jobs} jobs"
        return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[60, 500])
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--full", action="store_true", help="measure Snakemake's executor always")
    arguments = parser.parse_args()
    print(f"{arguments.cores} cores, Python {sys.version.split()[0]}")
    print(f"{'jobs':>5}  {'local, s/job':>14}  {'forkserver, s/job':>18}  {'ratio':>6}")
    measured = None
    for jobs in sorted(arguments.jobs):
        scaled = measured is not None and not arguments.full
        if not scaled:
            measured = seconds(jobs, arguments.cores, OWN) / jobs
        forked = seconds(jobs, arguments.cores, FORKED) / jobs
        note = "  (local: scaled from the fewest jobs)" if scaled else ""
        print(f"{jobs:5}  {measured:14.3f}  {forked:18.4f}  {measured / forked:5.1f}x{note}")


if __name__ == "__main__":
    main()
