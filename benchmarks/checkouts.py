"""Other versions of this project's code beside this one, and processes that run a version."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def extract(revision: str, folder: str | Path, *paths: str) -> None:
    """Put the files of a commit into a folder: all, or those below the paths."""
    command = ["git", "archive", revision, *paths]
    packed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(folder, filter="data")


def environment(code: Path = ROOT) -> dict[str, str]:
    """That of a process which imports the library and plugins of a checkout."""
    own = [code / "workflow", *sorted((code / "plugins").iterdir())]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, own))}
