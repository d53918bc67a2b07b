"""Requests to stop: Ctrl-C, and SIGTERM, which a cluster sends when it wants its machine back."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

STOPS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class Stop:
    """Whether this process has been asked to stop."""

    asked: bool = False


@contextlib.contextmanager
def stop_signals(heed: bool) -> Iterator[Stop]:
    """Within the block the signals are only recorded. Without `heed`, nothing changes.

    Nor does anything change outside the main thread, because other threads receive no signals.
    """
    stop = Stop()
    if not heed or threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number, frame):
        stop.asked = True

    before = {number: signal.signal(number, ask) for number in STOPS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
