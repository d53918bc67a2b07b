"""What does a dry run take, how much of it is this project's own code, and how does it grow?

The default experiment with more and more source tasks is planned (`snakemake -n`), nothing is run.
Printed are jobs, CPU seconds, of these in this project's code, and the memory. What that code calls
counts too, as does Snakemake's reading of rules: the stack is sampled. With --against REVISION
another commit's code takes turns with this one's. Each folder has had one dry run before, as is
usual.

Usage: python benchmarks/dry_run.py [--against REVISION] [--rounds 3]
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from checkouts import ROOT, environment, extract

PARTS = ([10, 20], [10, 20, 40], [10, 20, 40, 80, 100])  # of the images of each class
# Snakemake's command line, watched: every few ms of CPU time, is the project's code on the stack?
WATCHED = """
import json, os, resource, signal, sys, time
from snakemake.cli import main
seen = [0, 0]
code = os.path.join(os.getcwd(), "")
def look(_, frame):
    seen[0] += 1
    while frame:
        file = frame.f_code.co_filename
        if file.startswith(code) and "site-packages" not in file:
            seen[1] += 1
            return
        frame = frame.f_back
signal.signal(signal.SIGPROF, look)
signal.setitimer(signal.ITIMER_PROF, 0.002, 0.002)
began = time.process_time()
try:
    main()
except SystemExit as ended:
    if ended.code:
        raise
signal.setitimer(signal.ITIMER_PROF, 0)
ended = time.process_time()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
found = ended, (ended - began) * seen[1] / seen[0], memory
print("found", json.dumps(found), file=sys.stderr)
"""


def dry_run(code: Path, folder: Path, parts: list[int]) -> tuple[int, float, float, float]:
    """Jobs, CPU seconds, those of them in this project's code, and MB."""
    tasks = folder / "tasks.yaml"
    tasks.write_text(f"subsets: {{class: [10, 20], image: {parts}}}\n")
    command = [
        sys.executable, "-c", WATCHED, "-n", "--cores", "2",
        "--directory", str(folder), "--configfile", str(tasks),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=code, env=environment(code), capture_output=True, text=True)
    said = done.stdout + done.stderr
    jobs = re.search(r"([\d,]+) jobs", said)
    found = re.search(r"^found (.*)$", said, re.MULTILINE)
    if done.returncode or not (jobs and found):
        raise RuntimeError(f"the dry run failed: {said[-2000:]}")
    return int(jobs[1].replace(",", "")), *json.loads(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="REVISION")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways = [("here", ROOT, folder / "0")]
        if given.against:
            ways.append((given.against, folder / "code", folder / "1"))
            extract(given.against, folder / "code")
        for _, code, place in ways:
            place.mkdir()
            dry_run(code, place, PARTS[0])
        print(f"{'':12} {'jobs':>7} {'CPU s':>7} {'ours':>6} {'share':>6} {'MB':>6}")
        for parts in PARTS:
            found: list[list] = [[] for _ in ways]
            for _ in range(given.rounds):
                for rows, (_, code, place) in zip(found, ways, strict=True):
                    rows.append(dry_run(code, place, parts))
            for rows, (way, *_) in zip(found, ways, strict=True):
                jobs, cpu, ours, mb = map(statistics.median, zip(*rows, strict=True))
                print(
                    f"{way:12} {jobs:7,.0f} {cpu:7.1f} {ours:6.1f} {ours / cpu:6.0%} {mb:6.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
