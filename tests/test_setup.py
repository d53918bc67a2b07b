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


def test_every_dependency_has_one_exact_pin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    pinned = [re.fullmatch(r"([A-Za-z0-9_.-]+)==[\w.]+", line).group(1) for line in PINS]
    assert len(pinned) == len(set(pinned))
    assert {re.match(r"[\w.-]+", name).group() for name in named} <= set(pinned)


def test_the_conda_environment_has_the_same_pins():
    environment = yaml.safe_load((ROOT / "envs/environment.yaml").read_text())
    assert environment["dependencies"][-1]["pip"] == PINS
