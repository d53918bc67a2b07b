"""Write whether this process was forked, and what only a shell could have told it."""

import os
import time
from pathlib import Path

parent = Path(f"/proc/{os.getppid()}/cmdline").read_text()
forked = "forked" if "forkserver/server.py" in parent else "started"
if snakemake.rule == "benchmarked":
    memory = bytearray(50_000_000)
    time.sleep(0.7)
with Path(snakemake.output[0]).open("w") as file:
    words = [snakemake.rule, forked, os.environ.get("PREFIXED"), os.environ.get("MODULES")]
    print(*(word for word in words if word), file=file)
print(f"iteration {snakemake.bench_iteration}")
