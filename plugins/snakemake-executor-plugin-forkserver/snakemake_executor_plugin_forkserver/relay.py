"""Pass on what is printed; when nobody reads it any more, throw it away. A program of its own.

A process that writes into a pipe without a reader gets an error, or dies of SIGPIPE. So Snakemake
and its jobs write to this process instead: whether a job succeeds does not depend on whether
`snakemake | head` still reads. A terminal or a file is left as it is.
"""

import functools
import os
import select
import signal
import stat
import subprocess
import sys


@functools.cache
def protect_streams() -> tuple[int, ...]:
    """Lead this process's two streams, where they are pipes, through relays; returns their ids."""
    relays: dict[tuple[int, int], subprocess.Popen] = {}  # by what the stream is: 2>&1 keeps order
    for stream in (1, 2):
        try:
            found = os.fstat(stream)
        except OSError:  # it is closed
            continue
        if stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode):
            key = (found.st_dev, found.st_ino)
            if key not in relays:
                # Ctrl-C is not for it: it ends when the last of those who may print has ended.
                relays[key] = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__],
                    stdin=subprocess.PIPE,
                    stdout=stream,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            os.dup2(relays[key].stdin.fileno(), stream)
    for relay in relays.values():
        relay.stdin.close()
        relay.returncode = 0  # nobody waits for it
    return tuple(relay.pid for relay in relays.values())


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    read = True
    while data := os.read(0, 1 << 16):
        while data and read:
            try:
                data = data[os.write(1, data) :]
            except BlockingIOError:  # some programs that share a pipe make it so
                select.select([], [1], [])
            except OSError:
                read = False


if __name__ == "__main__":
    main()
