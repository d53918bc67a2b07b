"""`snakemake rank` and basemodel.rank: one answer, and what one has computed the other finds."""

import csv
import json
import shutil
import subprocess
import sys

import pytest
from safetensors.torch import save_file

from basemodel.models.load import load
from basemodel.selection.names import parse
from noise import noise
from projects import Project, copy_project

ARCHITECTURE = "timm:test_resnet"
NAMED = [{"file": f"{letter}.safetensors", "architecture": ARCHITECTURE} for letter in "ab"]
SETTINGS = {"images": "photos", "candidates": NAMED, "results": "results"}


@pytest.fixture
def project(tmp_path) -> Project:
    """A copy of the project with twenty images, and weights of two candidates."""
    project = copy_project(tmp_path / "project")
    for name in ("ant", "bee"):
        for number in range(10):
            noise(project.folder / "photos" / name / f"{number}.png", 40, 30)
    for number, named in enumerate(NAMED):
        state = load(**parse(ARCHITECTURE).baseline.arguments).module.state_dict()
        state = {name: tensor.contiguous() + number * 0.01 for name, tensor in state.items()
                 if tensor.is_floating_point()}  # fmt: skip
        save_file(state, project.folder / named["file"])
    (project.folder / "rank.yaml").write_text(json.dumps(SETTINGS))
    return project


def snakemake(project):
    command = [sys.executable, "-m", "snakemake", "rank", "--cores", "2"]
    return run(project, [*command, "--configfile", "rank.yaml"])


def python(project):
    code = f"import basemodel; print(basemodel.rank('photos', {NAMED!r}))"
    return run(project, [sys.executable, "-c", code])


def run(project, command):
    done = subprocess.run(
        command, cwd=project.folder, env=project.environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def without_speed(file):
    """ranking.csv but for images per second, which are measured."""
    with file.open(newline="") as table:
        rows = list(csv.reader(table))
    place = rows[0].index("images_per_second")
    return [row[:place] + row[place + 1 :] for row in rows]


def cards(ranking):
    return {file.parent.name: file.read_bytes() for file in ranking.glob("candidates/*/card.json")}


@pytest.mark.full
def test_one_answer_and_kept_results(project):
    theirs = project.folder / "results" / "rank" / "photos"
    ours = theirs / "python"
    printed = python(project)
    by_python = without_speed(ours / "ranking.csv")
    shutil.move(ours, project.folder / "aside")

    # Snakemake alone: the same digits.
    said = snakemake(project)
    assert without_speed(theirs / "ranking.csv") == by_python
    text = (theirs / "answer.txt").read_text()
    assert text in said and text in printed

    # Python finds all of it: no candidate has a log of its own.
    python(project)
    assert (ours / "ranking.csv").read_bytes() == (theirs / "ranking.csv").read_bytes()
    assert not list(ours.rglob("log.txt"))

    # And Snakemake what Python has: the cards, with the times that were measured, are the same.
    kept = cards(ours)
    for path in theirs.iterdir():
        if path.is_file():
            path.unlink()
        elif path != ours:
            shutil.rmtree(path)
    snakemake(project)
    assert cards(theirs) == kept
    assert (ours / "ranking.csv").read_bytes() == (theirs / "ranking.csv").read_bytes()
