"""Fail in the way that the output is named after, unless told that all is well now."""

import ctypes
import os
import signal
import sys
from pathlib import Path

way = Path(snakemake.output[0]).stem
output = Path(snakemake.output[0])
print("started", way)


def deep() -> None:
    raise ValueError("the reason of the failure")


if "REPAIRED" not in os.environ:
    if way == "raise":
        output.write_text("half")
        deep()
    if way == "exit3":
        sys.exit(3)
    if way == "exittext":
        sys.exit("the last words")
    if way == "osexit":
        os._exit(7)
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "segfault":
        ctypes.string_at(0)

with Path("runs.txt").open("a") as runs:
    print(way, file=runs)
output.write_text("whole")
