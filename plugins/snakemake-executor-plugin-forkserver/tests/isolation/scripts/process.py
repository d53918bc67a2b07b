"""Write down what this process is, apart from what belongs to its script and its job."""

import sys

modules = set(sys.modules)

import ctypes  # noqa: E402  what was loaded before it is seen first
import faulthandler  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import locale  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
import threading  # noqa: E402
import warnings  # noqa: E402
from pathlib import Path  # noqa: E402

PR_GET_PDEATHSIG = 2
death = ctypes.c_int()
ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(death))
frame, depth = sys._getframe(), 0
while frame := frame.f_back:
    depth += 1
proc = Path("/proc/self")
status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
streams = [sys.stdin, sys.stdout, sys.stderr]

# What differs from a Python that Snakemake starts: README.md names each.
differs = {
    "sys.orig_argv": sys.orig_argv[1:] == sys.argv,
    "command line": (proc / "cmdline").read_text().split("\0")[1:-1] == sys.argv,
    "/proc/self/environ": f"PWD={os.environ['PWD']}\0" in (proc / "environ").read_text(),
    "parent": "snakemake" in Path(f"/proc/{os.getppid()}/cmdline").read_text().split("\0"),
    "process group": os.getpgid(0) == os.getpid(),
    "session": os.getsid(0) == os.getppid(),
    "signal at the parent's death": death.value,
    "faulthandler": faulthandler.is_enabled(),
    "signals caught": status["SigCgt"],
    "open files": len([fd for fd in range(64) if (proc / "fd" / str(fd)).exists()]),
    "lines of stdout": sys.stdout.line_buffering,
    "order of sets": sys.flags.hash_randomization,
    "frames below": depth,
    "collector": gc.get_freeze_count() > 0,
    "modules": len({"gc", "ctypes", "faulthandler", "threadpoolctl"} & modules),
    "sys.path": [entry for entry in sys.path if "source-cache" not in entry],
}
same = {
    "working directory": str(Path.cwd()),
    "executable": [sys.executable, sys.prefix],
    "sys.path, in any order": sorted(path for path in sys.path if "source-cache" not in path),
    "finders": [type(finder).__name__ for finder in sys.meta_path],
    "flags": [str(sys.flags).replace("randomization=0", "randomization=1"), sys.warnoptions],
    "streams": [[s.encoding, s.errors, s.mode, s.name, s.fileno()] for s in streams],
    "stdin": str((proc / "fd" / "0").readlink()),
    "open for programs": [fd for fd in range(3, 64) if (proc / "fd" / str(fd)).exists()
                          and os.get_inheritable(fd)],
    "signals ignored or blocked": [status[name] for name in ("SigIgn", "SigBlk", "SigPnd")],
    "handlers": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    "umask": os.umask(0),
    "priority": [os.nice(0), sorted(os.sched_getaffinity(0)), os.sched_getscheduler(0)],
    "memory killer": (proc / "oom_score_adj").read_text(),
    "limits": [resource.getrlimit(getattr(resource, name)) for name in sorted(dir(resource))
               if name.startswith("RLIMIT_")],
    "threads": [status["Threads"], [thread.name for thread in threading.enumerate()]],
    "locale": [locale.setlocale(locale.LC_ALL), locale.getpreferredencoding()],
    "interpreter": [sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold()],
    "warnings": [str(entry) for entry in warnings.filters],
    "logging": [logging.root.level, str(logging.root.handlers)],
    "hooks": [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__],
}  # fmt: skip
Path(snakemake.output[0]).write_text(json.dumps({"differs": differs, "same": same}))
