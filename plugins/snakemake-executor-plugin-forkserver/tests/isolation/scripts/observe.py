"""Write down all that a script can see of its process and of its job."""

import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

preloaded = [
    name for name in ("beside", "spoil", "child", "client", "server", "warm") if name in sys.modules
]
torch_loaded = "torch" in sys.modules

import beside  # noqa: E402  what was loaded before it is seen first

seen = {
    "name": __name__,
    "file": __file__,
    "real_file_is_argv": [globals()["__real_file__"]] == sys.argv,
    "main": sys.modules["__main__"].__dict__ is globals(),
    "main_names": sorted(name for name in globals() if name.startswith("__")),
    "cwd": str(Path.cwd()),
    # The fork server has the folder for plugins earlier in the path.
    "path": [p for p in sys.path if "source-cache" not in p and "pip-deployments" not in p],
    "env": dict(os.environ),
    "umask": os.umask(0o022),
    "beside": beside.STATE,
    "preloaded": preloaded,
    "tempdir": tempfile.gettempdir(),
    "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
    "pool": len(threading.enumerate()),
    "flags": str(sys.flags).replace("hash_randomization=0", "hash_randomization=1"),
    "snakemake": {
        "type": str(type(snakemake)),
        "input": [list(snakemake.input), dict(snakemake.input.items())],
        "output": list(snakemake.output),
        "params": [list(snakemake.params), snakemake.params.get("table")],
        "wildcards": dict(snakemake.wildcards.items()),
        "threads": snakemake.threads,
        "resources": {k: v for k, v in snakemake.resources.items()},
        "log": list(snakemake.log),
        "config": snakemake.config,
        "rule": snakemake.rule,
        "bench_iteration": snakemake.bench_iteration,
        "scriptdir": snakemake.scriptdir,
    },
}

import torch  # noqa: E402
from threadpoolctl import threadpool_info  # noqa: E402

seen["threads"] = torch.get_num_threads()
seen["pools"] = sorted({pool["num_threads"] for pool in threadpool_info()})
forked = {
    "by": Path(f"/proc/{os.getppid()}/cmdline").read_text().split("\0")[1:2],
    "torch_loaded": torch_loaded,
    "server_threads": len(list(Path(f"/proc/{os.getppid()}/task").iterdir())),
}
Path(snakemake.output[0]).write_text(json.dumps({"seen": seen, "forked": forked}, default=str))
