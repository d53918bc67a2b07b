"""The live table, on a terminal that the standard library makes."""

import os
import pty
import re
import subprocess
import threading
import time
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.full


class Terminal:
    """Snakemake as the session leader of a terminal of its own."""

    def __init__(self, workflow, *arguments: str) -> None:
        self.end, end = pty.openpty()
        self.process = subprocess.Popen(
            # `setsid --ctty` makes the terminal pass Ctrl-C on to Snakemake.
            ["setsid", "--ctty", "--wait", *workflow.command(*arguments)],
            cwd=workflow.folder,
            env=workflow.environment(),
            stdin=end,
            stdout=end,
            stderr=end,
        )
        os.close(end)
        self.output = ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self.end, 65536):
                self.output += data.decode(errors="replace").replace("\r\n", "\n")
        except OSError:
            pass  # the other end is closed

    def wait(self) -> int:
        code = self.process.wait(300)
        self.reader.join(10)
        return code

    def wait_until(self, condition: Callable[[str], object]) -> None:
        while not condition(self.output) and self.process.poll() is None:
            time.sleep(0.1)


def left_on_screen(output: str) -> str:
    """What stays below the place where the live table was taken away for the last time."""
    return output.rpartition("\x1b[J")[2]


def test_live_table(workflow):
    terminal = Terminal(workflow)
    assert terminal.wait() == 0, terminal.output
    assert re.search(r"^first +\d/4 [█░]{12}", terminal.output, re.MULTILINE)
    assert re.search(r"^third +0/3 .* waiting$", terminal.output, re.MULTILINE)
    assert re.search(r"^all jobs +\d+/19 [█░]{12}", terminal.output, re.MULTILINE)
    assert re.search(r"^after \d+:\d\d +done ", terminal.output, re.MULTILINE)
    end = left_on_screen(terminal.output)
    assert "█" not in end and "Done: all 19 jobs." in end
    assert "Results: out/" in end


def test_ctrl_c_leaves_a_clean_terminal(workflow):
    terminal = Terminal(workflow, "out/slow/1", "out/slow/2", "out/slow/3")
    terminal.wait_until(lambda output: re.search(r"^slow .* running$", output, re.MULTILINE))
    os.write(terminal.end, b"\x03")
    assert terminal.wait() != 0
    end = left_on_screen(terminal.output)
    assert "Done: 0 of 3 jobs." in end
    assert "(stopped by the user)" in end
    assert "run the same command again" in end
    assert "?25l" not in terminal.output  # the cursor was never hidden
