"""The set-up's files agree with each other."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PINS = [
    line
    for line in (ROOT / "envs/requirements.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


PROJECTS = [
    tomllib.loads(path.read_text())
    for path in [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
]


def test_every_dependency_has_one_exact_pin():
    named = [name for project in PROJECTS for name in project["project"]["dependencies"]]
    named += [
        name for project in PROJECTS for group in project["dependency-groups"].values()
        for name in group
    ]  # fmt: skip
    pinned = [re.fullmatch(r"([A-Za-z0-9_.-]+)==[\w.]+", line).group(1) for line in PINS]
    assert len(pinned) == len(set(pinned))
    own = {project["project"]["name"] for project in PROJECTS}  # installed from their folders
    assert {re.match(r"[\w.-]+", name).group() for name in named} <= {*pinned, *own}


def test_the_conda_environment_has_the_same_pins():
    environment = yaml.safe_load((ROOT / "envs/environment.yaml").read_text())
    assert environment["dependencies"][-1]["pip"] == PINS
