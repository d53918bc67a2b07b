"""docs/extending.md: every example, applied to a copy of the finished smoke experiment and run."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest

import miniatures
from projects import ROOT, Project

DOC = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", DOC, re.MULTILINE | re.DOTALL))
STEP = re.compile(
    r"(?:^(?:In )?`(?P<path>[^`\n]+)`:\n\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def changed(text: str, diff: str) -> str:
    """The text, with the one place that a diff shows changed as it says."""
    lines = [line or " " for line in diff.splitlines()]
    before, after = (
        "".join(f"{line[1:]}\n" for line in lines if line[0] in kept) for kept in (" -", " +")
    )
    assert text.count(before) == 1, f"stands there {text.count(before)} times:\n{before}"
    return text.replace(before, after)


def images(folder, names):
    for label, name in enumerate(names):
        for number in range(12):
            miniatures.image(folder / name.format(number), label, number)


@pytest.mark.parametrize("section", SECTIONS)
def test_an_example_works(finished, tmp_path, section):
    project = Project(tmp_path / "project")
    shutil.copytree(finished.folder, project.folder, symlinks=True)
    for split in ("train", "test"):
        images(project.folder / "data/squares" / split, ["red-{}.png", "blue-{}.png"])
    images(project.folder / "photos", ["ant/{}.png", "beetle/{}.png"])
    commands = 0
    for path, kind, text in STEP.findall(SECTIONS[section]):
        file = project.folder / path
        if kind == "diff":
            file.write_text(changed(file.read_text(encoding="utf-8"), text), encoding="utf-8")
        elif path:
            assert not file.exists(), path
            file.write_text(text, encoding="utf-8")
        else:
            command = shlex.split(text)
            assert command[0] == "snakemake"
            run = subprocess.run(
                [sys.executable, "-m", *command], cwd=project.folder, env=project.environment(),
                capture_output=True, text=True, timeout=1500,
            )  # fmt: skip
            assert run.returncode == 0, run.stdout + run.stderr
            if command[-1].startswith("results/"):
                assert (project.folder / command[-1]).exists()
            commands += 1
    assert commands == 1
