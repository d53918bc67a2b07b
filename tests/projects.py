"""Copies of the project, in which tests run the real workflow on the smoke experiment."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENT = "workflow/experiments/smoke.yaml"


@dataclass
class Project:
    """A copy of the project's files, with a working folder of its own."""

    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / "results" / "smoke"

    def command(self, *arguments: str, overlay: tuple[str, ...] = ()) -> list[str]:
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2"]
        return [*snakemake, "--configfile", EXPERIMENT, *overlay, *arguments]

    def environment(self) -> dict[str, str]:
        # The copy's modules and plugins, not those of the checkout that is installed.
        own = [self.folder / "workflow", *sorted((self.folder / "plugins").iterdir())]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, own))}

    def snakemake(
        self, *arguments: str, overlay: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments, overlay=overlay)
        if "-n" in arguments:
            return self.forked(command)
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=1500,  # a machine may be busy with other work
        )

    def forked(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run Snakemake without the seconds that it takes to import it; for dry runs."""
        start = [sys.executable, "-m", "snakemake"]
        assert command[:3] == start
        with tempfile.TemporaryDirectory() as folder:
            printed = [Path(folder, name) for name in ("stdout", "stderr")]
            job = {
                "folder": str(self.folder), "environment": self.environment(),
                "arguments": command[3:], "printed": [str(path) for path in printed],
            }  # fmt: skip
            server = importer()
            print(json.dumps(job), file=server.stdin, flush=True)
            code = int(server.stdout.readline())
            out, err = (path.read_text(encoding="utf-8") for path in printed)
        return subprocess.CompletedProcess(command, code, out, err)

    def would_run(self, *overlay: str) -> dict[str, int]:
        """Jobs by rule that a dry run announces, with more settings laid over the experiment's."""
        return announced(self.snakemake("-n", overlay=overlay))

    def announced(self, *arguments: str) -> dict[str, int]:
        """Jobs by rule that a dry run of any experiment announces."""
        return announced(
            self.forked([sys.executable, "-m", "snakemake", "--cores", "2", *arguments])
        )

    def append(self, file: str, line: str) -> None:
        path = self.folder / file
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")

    def edit(self, file: str, before: str, after: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, (
            f"{file}: {before!r} stands there {text.count(before)} times"
        )
        path.write_text(text.replace(before, after), encoding="utf-8")


@cache
def importer() -> subprocess.Popen[str]:
    """The process that runs of Snakemake are forked from; it ends with this one."""
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("dry_runs.py")],
        env=Project(ROOT).environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def announced(run: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Jobs by rule, out of what a dry run printed."""
    assert run.returncode == 0, run.stdout + run.stderr
    table = re.findall(r"^(\w+) +([\d,]+)  ", run.stdout + run.stderr, re.MULTILINE)
    jobs = {rule: int(count.replace(",", "")) for rule, count in table}
    if not jobs:
        assert "Nothing to be done" in run.stdout + run.stderr
    return jobs


def copy_project(folder: Path) -> Project:
    patterns = shutil.ignore_patterns(
        ".git", ".venv", ".snakemake", "results", "__pycache__", ".*_cache"
    )

    def leave(place, names):
        # The user's data sets may be below the root, and large.
        return patterns(place, names) | ({"data"} if Path(place) == ROOT else set())

    shutil.copytree(ROOT, folder, ignore=leave, symlinks=True)
    return Project(folder)
