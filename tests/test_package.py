"""What is installed by `pip install .`: whole, and without the clone."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from noise import noise
from projects import ROOT

PARTS = ("pyproject.toml", "README.md", "LICENSE", "workflow/basemodel")
BUILD = "from setuptools.build_meta import *; print(build_{kind}({out!r}))"
NEEDED = ("py.typed", "selection/shelf.yaml", "report/templates/page.html.j2", "metrics/LogME.py")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel and a source distribution, made from a copy."""
    pytest.importorskip("setuptools")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out")
    for part in PARTS:
        (source / part).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            without = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, source / part, ignore=without)
        else:
            shutil.copy(ROOT / part, source / part)
    for kind in ("sdist", "wheel"):
        code = BUILD.format(kind=kind, out=str(out))
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=source, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
    [wheel], [sdist] = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


@pytest.mark.full
def test_both_have_what_the_library_reads(built):
    wheel, sdist = built
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"basemodel/{name}" for name in NEEDED} <= set(names)
    assert not [
        name for name in names if not re.match(r"basemodel(_selection-[\d.]+.dist-info)?/", name)
    ]
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"workflow/basemodel/{name}" for name in NEEDED} | {"LICENSE", "README.md"} <= names


@pytest.mark.full
def test_the_wheel_ranks_without_the_clone(built, tmp_path):
    site, home = tmp_path / "site", tmp_path / "home"
    zipfile.ZipFile(built[0]).extractall(site)
    for name in ("ant", "bee"):
        for number in range(5):
            noise(home / "photos" / name / f"{number}.png", 40, 30)
    (home / "run.py").write_text(
        "import basemodel\n"
        "print(basemodel.__file__)\n"
        "answer = basemodel.rank('photos', 'timm:tf_efficientnet_lite0.in1k')\n"
        "print(answer.best)\n"
        "from basemodel.selection.shelf import shelf\n"
        "assert len(shelf()) > 10\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    run = subprocess.run(
        [sys.executable, "run.py"], cwd=home, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    file, best = run.stdout.splitlines()
    assert file == str(site / "basemodel" / "__init__.py")
    assert best == "['timm:tf_efficientnet_lite0.in1k']"
    assert (home / "results/rank/photos/python/report.html").is_file()
