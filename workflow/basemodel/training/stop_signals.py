"""Being asked to stop: Ctrl-C, and SIGTERM, by which a cluster wants its machine back."""

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
    """In the block the signals are noted and do no more; unless `heed`, nothing changes.

    Nothing changes either in a thread that is not the main one, which cannot receive signals.
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
