"""What does a job cost that is ready together with thousands of others?

Runs trivial Python scripts under the fork server, nothing preloaded, all ready at once, and prints
for Snakemake's greedy scheduler and for depth-first the seconds a job, of the whole run: by the
clock, and of the Snakemake process on a core (in brackets), which other work on the machine does
not lengthen; how that grows from the fewest jobs; and the ratio of the two schedulers.

The greedy scheduler takes 20 minutes for 16,000 jobs: without --full it runs the fewest only.

Usage: python benchmarks/scheduler.py [--jobs 1000 4000 16000] [--cores 2] [--full]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from executor import SNAKEFILE, TRIVIAL

SNAKEMAKE = """
import resource, sys
from snakemake.cli import main
try:
    main(sys.argv[1:])
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    open("used", "w").write(str(used.ru_utime + used.ru_stime))
"""
SCHEDULERS = ["greedy", "depth-first"]


def seconds(scheduler: str, jobs: int, cores: int) -> tuple[float, float]:
    """Run the jobs in a new folder; return seconds by the clock and of the Snakemake process."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Snakefile").write_text(SNAKEFILE)
        Path(folder, "short.py").write_text(TRIVIAL)
        command = [sys.executable, "-c", SNAKEMAKE, "--cores", str(cores), "--quiet", "all"]
        command += ["--executor", "forkserver", "--scheduler", scheduler]
        start = time.perf_counter()
        # The profile of the workflow here must not take part: run in the new folder.
        subprocess.run([*command, "--config", f"jobs={jobs}"], cwd=folder, check=True)
        elapsed = time.perf_counter() - start
        written = len(list(Path(folder, "out").iterdir()))
        assert written == jobs, f"{written} outputs of {jobs} jobs"
        return elapsed, float(Path(folder, "used").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--full", action="store_true", help="run the greedy scheduler always")
    arguments = parser.parse_args()
    print(f"{arguments.cores} cores, Python {sys.version.split()[0]}")
    head = "".join(f"{name + ', ms a job':>22}{'growth':>14}" for name in SCHEDULERS)
    print(f"{'jobs':>6}{head}{'ratio':>14}")
    fewest: dict[str, tuple[float, float]] = {}
    for jobs in sorted(arguments.jobs):
        row, both = f"{jobs:6}", []
        for scheduler in SCHEDULERS:
            if scheduler == "greedy" and fewest and not arguments.full:
                row += f"{'not run':>22}{'':14}"
                continue
            clock, used = (1000 * s / jobs for s in seconds(scheduler, jobs, arguments.cores))
            both.append((clock, used))
            first = fewest.setdefault(scheduler, (clock, used))
            row += f"{shown(clock, used):>22}{shown(clock / first[0], used / first[1]):>14}"
        if len(both) == 2:
            row += f"{shown(both[0][0] / both[1][0], both[0][1] / both[1][1]):>14}"
        print(row, flush=True)


def shown(clock: float, used: float) -> str:
    return f"{clock:.2f} ({used:.2f})"


if __name__ == "__main__":
    main()
