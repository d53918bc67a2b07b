"""Write to both streams from everywhere, and perhaps die without a chance to flush."""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

print("python stdout")
print("python stderr", file=sys.stderr)
os.write(1, b"descriptor stdout\n")
subprocess.run("echo subprocess stdout; echo subprocess stderr >&2", shell=True)
ctypes.CDLL(None).printf(b"library stdout\n")
print("last line")
if "killed" in snakemake.output[0]:
    os.kill(os.getpid(), signal.SIGKILL)
Path(snakemake.output[0]).write_text("x")
