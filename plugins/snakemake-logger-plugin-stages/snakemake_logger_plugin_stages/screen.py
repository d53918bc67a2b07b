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
        self.live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.colour = colour and self.live
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
        self._write(f"{text}\n", self.block)

    def draw(self, block: list[str]) -> None:
        """Replace the previous block; an empty one removes it."""
        width = self.size[0] - 1  # a full line would wrap and break the count of lines
        self._write("", [line[:width] for line in block])

    def _write(self, text: str, block: list[str]) -> None:
        text = f"{CLEAR_BELOW if self.block else ''}{text}"
        if block:
            text += "\n" + "\n".join(block) + f"\x1b[{len(block)}A\r"
        self.block = block
        # The reader may be gone (`snakemake 2>&1 | head`); the jobs go on regardless.
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(text)
            self.stream.flush()
