"""The real workflow, in a copy of the project, run once on the smoke experiment."""

import shutil
import signal

import pytest
from hypothesis import HealthCheck, settings

import miniatures
from projects import Project, copy_project

# A shell makes its background processes ignore Ctrl-C, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes depends on the machine, and on what else it does.
slow = [HealthCheck.too_slow]
settings.register_profile("any machine", deadline=None, suppress_health_check=slow)
settings.load_profile("any machine")


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(items):
    """`make test` leaves out what needs the whole smoke experiment."""
    for item in items:
        if "finished" in getattr(item, "fixturenames", ()):
            item.add_marker("full")


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
