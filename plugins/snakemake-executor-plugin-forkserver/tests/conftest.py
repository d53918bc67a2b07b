"""Each test copies a small workflow from its folder here and runs the real snakemake on it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

# A shell lets what it starts in the background ignore Ctrl-C, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).parent


class Workflow:
    """A copy of one of the workflows beside this file, and ways to run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, *arguments: str, executor: str = "forkserver") -> Sequence[str]:
        base = [sys.executable, "-m", "snakemake", "--executor", executor, "--nocolor"]
        # A run is one of Snakemake's alone: no profile of the user's or the machine's.
        return [*base, "--profile", "none", "--cores", "2", "--scheduler", "greedy", *arguments]

    def environment(self, **env: str | None) -> dict[str, str]:
        new = {**os.environ, **env}
        return {name: value for name, value in new.items() if value is not None}

    def run(self, *arguments: str, executor: str = "forkserver", **env: str | None):
        """Run to the end; a variable that is None is taken out of the environment."""
        return subprocess.run(
            self.command(*arguments, executor=executor),
            cwd=self.folder,
            env=self.environment(**env),
            capture_output=True,
            text=True,
            timeout=600,  # a machine may be busy with other work
        )

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def has(self, path: str) -> bool:
        return (self.folder / path).exists()

    def clear(self) -> None:
        """Forget all results."""
        for folder in ("out", "logs", ".snakemake"):
            shutil.rmtree(self.folder / folder, ignore_errors=True)


@pytest.fixture
def workflow(request: pytest.FixtureRequest, tmp_path: Path) -> Workflow:
    """The workflow in the folder that is named as the test's module: test_gpus, gpus."""
    name = request.path.stem.removeprefix("test_")
    folder = tmp_path / name
    shutil.copytree(HERE / name, folder)
    return Workflow(folder)
