"""What happens in a forked child: it turns itself into the Python process of one script.

Everything that a new Python would have fresh, but a forked one inherits, is reset here; at the end,
everything is flushed that an exiting Python flushes.
"""

import atexit
import builtins
import contextlib
import gc
import io
import json
import os
import signal
import socket
import sys
import threading
import traceback
import types
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import NoReturn

TAIL = 12  # lines of a traceback that go into Snakemake's error message


def fork() -> int:
    """os.fork(). In the main program, Python 3.12 would warn of threads that a library has started.

    Seen with torch 2.11 on a machine with a GPU. No child needs such a thread.
    """
    return os.fork()


def become_job(connection: socket.socket, pools, libc) -> NoReturn:
    """Run the script that the connection asks for, as `python SCRIPT` would, and exit."""
    code = 1
    try:
        os.setpgid(0, 0)  # one group per job: ended together with the processes it starts
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        send(connection, pid=os.getpid())
        with connection.makefile("rb") as stream:
            request = json.load(stream)
        os.chdir(request["cwd"])
        if request["log"]:
            redirect(request["log"])
        set_environment(request["env"])
        set_threads(request["threads"], pools)
        set_random_state()
        code = run_script(request["script"], connection)
    except BaseException:
        traceback.print_exc()  # of this file, not of the script
    finally:
        leave(code, libc)


def send(connection: socket.socket, **message) -> None:
    """Tell the executor something; it may be gone, or the script has closed the socket."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(message).encode() + b"\n")


def redirect(log: str) -> None:
    """Send both streams, also of subprocesses and C libraries, to the log file."""
    # O_APPEND: if the script opens its log too, it and this process do not overwrite each other.
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def set_environment(env: dict[str, str]) -> None:
    """Replace the server's environment by the job's."""
    for name in os.environ.keys() - env.keys():
        del os.environ[name]
    for name, value in env.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = None  # may hold the server's TMPDIR


def set_threads(threads: int, pools) -> None:
    """Set the number of threads in libraries that read it when the server loaded them."""
    if pools is not None and threads > 1:  # one is what the server loaded them with
        pools.limit(limits=threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def set_random_state() -> None:
    """Make unseeded random numbers differ from job to job, as in separate processes.

    Python reseeds its own generator at every fork, but not numpy's and torch's.
    """
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.seed()


def run_script(path: str, connection: socket.socket) -> int:
    """Run a file as the main program and return the exit code that Python would give it."""
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __file__=path,
        __builtins__=builtins,
        __annotations__={},
        __cached__=None,
        __loader__=SourceFileLoader("__main__", path),
    )
    sys.modules["__main__"] = main
    sys.argv[:] = [path]
    sys.path.insert(0, str(Path(path).parent))
    try:
        exec(compile(Path(path).read_bytes(), path, "exec", dont_inherit=True), main.__dict__)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    except BaseException as error:
        shown = error.with_traceback(error.__traceback__.tb_next)  # without this function
        lines = "".join(traceback.format_exception(shown)).splitlines()
        send(connection, traceback="\n".join(lines[-TAIL:]))
        sys.excepthook(type(shown), shown, shown.__traceback__)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def leave(code: int, libc) -> NoReturn:
    """Exit as Python does, but without freeing the memory of everything imported."""
    try:
        threading._shutdown()  # waits for threads that are not daemons
        atexit._run_exitfuncs()
        # Objects held only by the script's global names may have work to finish when they are
        # deleted, like an open gzip file. A daemon thread may still use these names.
        if threading.active_count() == 1:
            sys.modules["__main__"].__dict__.clear()
            gc.collect()
        # Not IOBase itself: an abstract class takes 3 ms to ask in a process that was just forked.
        for item in gc.get_objects():
            if isinstance(item, io.IOBase.__base__) and not item.closed and item.writable():
                item.flush()
    except BaseException:
        traceback.print_exc()
        code = code or 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 120  # as Python does on a full disk
    libc.fflush(None)
    os._exit(code)
