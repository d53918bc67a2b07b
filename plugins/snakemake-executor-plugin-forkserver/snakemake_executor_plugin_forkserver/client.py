"""The executor's end of the fork server: starts it, asks it for children, ends it."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

# The variables that Snakemake sets to a rule's `threads` for every shell command that it starts.
THREAD_VARIABLES = [
    "OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
]  # fmt: skip
SERVER = Path(__file__).with_name("server.py")


class Child:
    """A running job: its process and the server report what becomes of it on a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.reports: dict = {}
        self._stream = connection.makefile("rb")  # which keeps the socket open

    def wait_for(self, key: str):
        """Return the value reported under this name, or None if the server dies first."""
        while key not in self.reports:
            line = self._stream.readline()
            if not line:
                return None
            self.reports.update(json.loads(line))
        return self.reports[key]

    def close(self) -> None:
        self._stream.close()


class ForkServer:
    """A server process that is started when the first job needs it, and again if it dies."""

    def __init__(self, preload: list[str]) -> None:
        self.preload = preload
        self.closed = False
        self.process: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()

    def fork(self, request: Mapping) -> Child:
        """Start a job in a new child. OSError: the server has just died."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, self._lock:
                if self.closed:
                    raise KeyboardInterrupt  # Snakemake prints no job error for this
                if self.process is None or self.process.poll() is not None:
                    self._start()
                socket.send_fds(self._control, [b"+"], [theirs.fileno()])
            ours.sendall(json.dumps(request).encode())
            ours.shutdown(socket.SHUT_WR)  # the child reads to the end
            return Child(ours)

    def _start(self) -> None:
        if self._control is not None:
            self._control.close()
        self._control, theirs = socket.socketpair()
        # Libraries start their thread pools when they are loaded, and threads do not survive a
        # fork, so load them with one thread. The children set the number once it is known.
        env = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}
        # Sets have the same order in all runs, so the same job writes the same bytes.
        env.setdefault("PYTHONHASHSEED", "0")
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, str(SERVER), str(theirs.fileno()), *self.preload],
                pass_fds=[theirs.fileno()],
                env=env,
                start_new_session=True,  # Ctrl-C is for the executor: it ends the children
            )

    def close(self) -> None:
        """End all children and the server."""
        with self._lock:
            self.closed = True
            if self.process is None:
                return
            self._control.close()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
