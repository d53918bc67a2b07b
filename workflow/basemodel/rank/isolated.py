"""Run one candidate in a process of its own, whatever becomes of that.

The process is forked: the job has torch in memory already, and has not used it.
"""

import multiprocessing
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from basemodel.compute.device import DeviceError
from basemodel.data.listing import DataError
from basemodel.files import DiskFull
from basemodel.models.failures import Unusable, told

# Not the candidate's fault: the job fails, with the message.
OURS = (DataError, DiskFull, DeviceError)
MEMORY = "give the job more memory, run fewer jobs at a time (--cores), or leave it out"
LOG = "its log has more; leave it out, or update timm, torchvision and torch"


def isolated(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns, called in a process of its own.

    Raises Unusable for its own Unusable, for any other error and if the process dies; SystemExit
    for what is not the candidate's fault. Ends the process if this one is asked to stop.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, arguments))
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        process.start()
        sender.close()
        try:
            done, value = receiver.recv()
        except EOFError:
            done, value = "died", None
        process.join()
    finally:
        signal.signal(signal.SIGTERM, before)
        if process.is_alive():
            process.kill()
            process.join()
    if done == "returned":
        return value
    if done == "ours":
        raise SystemExit(value)
    raise Unusable(*(value or _death(process.exitcode)))


def _call(sender: Connection, function: Callable[..., Any], arguments: tuple) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        sender.send(("returned", function(*arguments)))
    except Unusable as error:
        sender.send(("unusable", (error.reason, error.remedy)))
    except OURS as error:
        sender.send(("ours", str(error)))
    except MemoryError:
        sender.send(("unusable", ("out of memory", MEMORY)))
    except Exception as error:
        traceback.print_exc()
        sender.send(("unusable", (told(error), LOG)))


def _death(code: int | None) -> tuple[str, str]:
    if code == -signal.SIGKILL:
        return "killed, most likely as the machine ran out of memory", MEMORY
    if code is not None and code < 0:
        return f"crashed ({signal.Signals(-code).name})", LOG
    return f"its process ended early (exit code {code})", LOG
