"""The two places in Snakemake where a job's command starts, and what is done there.

Snakemake has no hook between a rule and the process that runs its script: the compiled rule calls
`script()`, which writes the preamble and the script to a file and calls `execute_script()`. Only
this last step is replaced, so everything before it remains Snakemake's own: the preamble and with
it the `snakemake` object, sources from the web, wrappers, benchmarks, shadow directories, caching.
In threads that do not run jobs of this executor, the replacements only call the originals.
"""

import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

from snakemake.benchmark import benchmarked
from snakemake.script import PythonScript
from snakemake.shell import shell

from .client import THREAD_VARIABLES, ForkServer

_start_python = PythonScript.execute_script
_shell_prefix = shell._get_process_prefix
_SHELLS = {"sh", "bash", "dash", "ash", "ksh", "zsh"}


class ThisThread(threading.local):
    """What the job that runs in this thread should get."""

    server: ForkServer | None = None
    env: dict[str, str] = {}


this_thread = ThisThread()


class ScriptError(Exception):
    """A script has failed; the message contains all that is known."""


@contextmanager
def active(server: ForkServer, env: dict[str, str]) -> Iterator[None]:
    """Make this server fork the scripts that this thread starts, with these variables set."""
    this_thread.server, this_thread.env = server, env
    try:
        yield
    finally:
        this_thread.__dict__.clear()


def exports() -> str:
    """The start of a shell command that sets the variables of this thread's job."""
    return "".join(f"export {k}={shlex.quote(v)}; " for k, v in this_thread.env.items())


def _execute_script(script: PythonScript, fname: str, edit: bool = False) -> None:
    """Run a Python script: forked, unless something asks for another interpreter or shell."""
    server = this_thread.server
    if (
        server is None
        or script.conda_env is not None
        or script.container_img is not None
        or script.env_modules is not None
        # Set by a workflow to run code before or after every command, including a script's Python.
        or shell._process_prefix
        or shell._process_suffix
        or script.resources.get("shell_exec") is not None
    ):
        _start_python(script, fname, edit)
        return
    cwd = str(Path.cwd())
    log = script.log[0] if script.log else None
    tmpdir = script.resources.get("tmpdir")
    request = {
        "script": str(Path(fname).absolute()),
        "cwd": cwd,
        "log": log,
        "threads": int(script.threads),
        # The same as for a shell command, see snakemake.shell.
        "env": {
            **os.environ,
            "PWD": cwd,
            **dict.fromkeys(THREAD_VARIABLES, str(script.threads)),
            **(dict.fromkeys(["TMPDIR", "TMP", "TEMPDIR", "TEMP"], tmpdir) if tmpdir else {}),
            **this_thread.env,
        },
    }
    code, tail = None, None
    with suppress(OSError), closing(server.fork(request)) as child:
        pid = child.wait_for("pid")
        record = script.bench_record
        with benchmarked(pid, record) if pid and record is not None else nullcontext():
            code = child.wait_for("code")
        tail = child.reports.get("traceback")
    if server.closed:
        raise KeyboardInterrupt  # the run was cancelled: not an error of this job
    if code != 0:
        path = script.path.get_path_or_uri(secret_free=True)
        raise ScriptError(explain(code, script.rulename, path, log, tail))


def explain(code: int | None, rule: str, path: str, log: str | None, tail: str | None) -> str:
    """Describe how a script failed; no code: nobody knows."""
    if code is None:
        how = "was lost: the fork server that it ran in has died (out of memory?)"
    elif code >= 0:
        how = f"ended with exit code {code}"
    else:
        how = f"was killed by {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            how += " (by the system, if nobody else did, when memory ran out)"
    where = f"Its output is in {log}" if log else None
    return "\n".join(filter(None, [f"Script {path} of rule {rule} {how}.", where, tail]))


def _get_process_prefix(cls, shell_exec: str | None = None) -> str:
    """The start of a shell command: sets the job's GPUs, if the shell can express that."""
    able = this_thread.env and cls._get_executable_name(shell_exec) in _SHELLS
    return f"{exports() if able else ''}{_shell_prefix(shell_exec)}"


PythonScript.execute_script = _execute_script
shell._get_process_prefix = classmethod(_get_process_prefix)
