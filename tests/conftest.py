"""The real workflow, in a copy of the project, run once on the smoke experiment."""

import shutil
import signal

import pytest

import miniatures
from projects import Project, copy_project

# A shell makes its background processes ignore Ctrl-C, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def fresh(tmp_path) -> Project:
    """A copy of the project that has not run yet."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """The smoke experiment, run to its end; tests leave its results as they are."""
    project = copy_project(tmp_path_factory.mktemp("finished") / "project")
    run = project.snakemake()
    assert run.returncode == 0, run.stdout + run.stderr
    return project


@pytest.fixture
def editable(finished) -> Project:
    """The finished experiment, whose code a test may change: it is put back afterwards."""
    originals = {
        path: path.read_text(encoding="utf-8")
        for path in (finished.folder / "workflow").rglob("*.py")
    }
    yield finished
    for path, text in originals.items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def miniature(tmp_path_factory):
    root = tmp_path_factory.mktemp("miniature")
    miniatures.build(root, miniatures.CLASSES, miniatures.IMAGES, miniatures.IMAGENET)
    return root


@pytest.fixture
def copied(miniature, tmp_path):
    """A copy that a test may spoil."""
    shutil.copytree(miniature, tmp_path / "data")
    return tmp_path / "data"
