"""Print more than a pipe holds, in the way that the output is named after; nobody reads it."""

import atexit
import ctypes
import subprocess
import sys
import time
from pathlib import Path

way = Path(snakemake.output[0]).stem
Path(f"started.{way}").touch()
while not Path("gone").exists():
    time.sleep(0.1)
if way == "python":
    for i in range(20000):
        print(i)
if way == "errors":
    for i in range(20000):
        print(i, file=sys.stderr)
if way == "child":
    subprocess.run("seq 20000; seq 20000 >&2", shell=True, check=True)
if way == "library":
    for _ in range(20000):
        ctypes.CDLL(None).printf(b"line\n")
if way == "exit":
    atexit.register(print, "last words", flush=True)
    print("no end of line", end="")
Path(snakemake.output[0]).write_text("x")
