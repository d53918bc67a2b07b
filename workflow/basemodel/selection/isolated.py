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
from basemodel.training.stop_signals import STOPS

# Not the candidate's fault: the job fails, with the message.
OURS = (DataError, DiskFull, DeviceError)
MEMORY = "give the job more memory, run fewer jobs at a time (--cores), or leave it out"
LOG = "its log has more; leave it out, or update timm, torchvision and torch"


def isolated(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns, called in a process of its own.

    Raises Unusable for its own Unusable, for any other error and if the process dies; SystemExit
    for what is not the candidate's fault. If this one is asked to stop, that one is too: it ends
    at once, or when a training has saved its state; SystemExit then has its exit status.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, arguments))
    asked = []

    def ask(number, frame):
        asked.append(number)
        if process.pid:
            process.terminate()

    before = {number: signal.signal(number, ask) for number in STOPS}
    try:
        process.start()
        if asked:  # before it was there
            process.terminate()
        sender.close()
        try:
            done, value = receiver.recv()
        except EOFError:
            done, value = "died", None
        process.join()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if process.is_alive():
            process.kill()
            process.join()
    if asked and done == "died":
        code = process.exitcode
        sys.exit(code if code > 0 else 128 + asked[0])
    if done == "returned":
        return value
    if done == "ours":
        raise SystemExit(value)
    raise Unusable(*(value or _death(process.exitcode)))


def _call(sender: Connection, function: Callable[..., Any], arguments: tuple) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process passes it on as SIGTERM
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
