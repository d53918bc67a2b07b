"""The screen: lines that stay, and on a terminal a block below them that is redrawn."""

import contextlib
import os
from typing import TextIO

CLEAR_BELOW = "\r\x1b[J"
COLOURS = {"red": "\x1b[31m", "yellow": "\x1b[33m"}
PLAIN = "\x1b[0m"


class Screen:
    """Writes to one stream.

    The cursor rests on an empty line above the block, not below it: what a job or a hook of the
    Snakefile prints directly then lands above and stays, and if Snakemake is killed, the shell's
    prompt appears where the user is looking. The cursor is never hidden, so nothing has to be
    restored.
    """

    def __init__(self, stream: TextIO, colour: bool) -> None:
        self.stream = stream
        terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.live = terminal
        self.colour = colour and terminal
        self.block: list[str] = []

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal."""
        try:
            size = os.get_terminal_size(self.stream.fileno())
        except OSError:
            return 80, 24
        # A terminal that does not report its size (a bare pty) has size 0.
        return size.columns or 80, size.lines or 24

    def say(self, text: str, colour: str = "") -> None:
        """Print lines that stay."""
        if colour and self.colour:
            text = f"{COLOURS[colour]}{text}{PLAIN}"
        erase = CLEAR_BELOW if self.block else ""
        self._write(f"{erase}{text}\n" + self._drawn())

    def draw(self, block: list[str]) -> None:
        """Replace the previous block; an empty one removes it."""
        erase = CLEAR_BELOW if self.block else ""
        width = self.size[0] - 1  # a full line would wrap and break the count of lines
        self.block = [line[:width] for line in block]
        self._write(erase + self._drawn())

    def _drawn(self) -> str:
        if not self.block:
            return ""
        return "\n" + "\n".join(self.block) + f"\x1b[{len(self.block)}A\r"

    def _write(self, text: str) -> None:
        # The reader may be gone (`snakemake 2>&1 | head`); the jobs go on regardless.
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(text)
            self.stream.flush()
