"""After every change, what a run leaves is what a run from scratch makes, byte for byte.

Each change is made on top of those before it, on the results of the whole workflow at its smallest.
"""

import copy
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from projects import copy_project
from smallest import run, smallest

pytestmark = pytest.mark.full


def contents(results: Path) -> dict[str, bytes]:
    """What an experiment has made, but for records of the making."""
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and path.relative_to(results).parts[0] != "logs"
        and not path.name.startswith(".")
        and ".provenance" not in path.parts
    }


@pytest.fixture
def lasting(tmp_path):
    """A project whose results live through all changes."""
    return copy_project(tmp_path / "lasting")


@pytest.fixture
def anew(tmp_path):
    """A project that makes all results from scratch, once for equal settings and code."""
    project = copy_project(tmp_path / "anew")
    done = {}

    def made(config) -> dict[str, bytes]:
        config = {**config, "results": "results"}
        sources = [path.read_bytes() for path in sorted(project.folder.glob("workflow/**/*.py"))]
        key = repr((config, sources))
        if key not in done:
            for trace in ("results", ".snakemake"):
                shutil.rmtree(project.folder / trace, ignore_errors=True)
            run(project, config, *SOME_FIGURES)
            done[key] = contents(project.folder / "results")
        return done[key]

    made.project = project
    return made


# Drawing takes most of the time, and these are drawn as the others are.
SOME_FIGURES = ["--omit-from", "figure3", "figure4", "figure5", "figure6", "figure7"]


def check(lasting, anew, config, *arguments):
    """Run, and compare all results; returns what the run printed."""
    said = run(lasting, config, *arguments, *SOME_FIGURES)
    scratch, kept = anew(config), contents(lasting.folder / config["results"])
    assert len(scratch) > 100
    assert [name for name in scratch if scratch[name] != kept.get(name)] == []
    return said


def test_incremental_is_from_scratch(lasting, anew, tmp_path):
    other = copy_project(tmp_path / "other")
    small = {"width": 0.05, "stem": "small", "pretrain": {}}
    config = smallest(
        {"normal": {"classes": 4}, "finetune": {"epochs": 2, "step_epochs": 3}},
        image={"size": 18, "crop": 16},
        seed=16,
        architectures={"alexnet": small, "vgg16": small},
        subsets={"class": [2], "image": [2]},
        truncation={"architectures": ["alexnet"]},
        metrics=["S1", "S4"],
        other_metrics=["LogME", "source_accuracy"],
    )
    greek = config["datasets"]["greek"] = {**config["datasets"]["greek"], "train": 4}
    config["datasets"]["cyrillic"] = {**greek, "title": "Cyrillic", "characters": ["абв"]}
    check(lasting, anew, config)

    # 1, 2: settings of one rule trade values, and back.
    first = copy.deepcopy(config)
    config["probe"]["images_per_class"], config["normal"]["classes"] = 4, 2
    config |= {"image": {"size": 16, "crop": 16}, "seed": 18}
    config["finetune"] |= {"epochs": 3, "step_epochs": 2}
    config["datasets"]["greek"] |= {"train": 6, "test": 4}
    check(lasting, anew, config)
    config = copy.deepcopy(first)
    check(lasting, anew, config)

    # 3, 4: a target is added, another is removed.
    config["targets"] = ["cyrillic", "greek"]
    check(lasting, anew, config)
    config["targets"] = ["greek"]
    check(lasting, anew, config)

    # 5, 6: orders, and back.
    config["targets"] = ["greek", "cyrillic"]
    config["architectures"] = dict(reversed(config["architectures"].items()))
    config["subsets"] = {"image": [2], "class": [2]}
    config["metrics"] = config["metrics"][::-1]
    config["other_metrics"] = config["other_metrics"][::-1]
    check(lasting, anew, config)
    config = copy.deepcopy(first)
    check(lasting, anew, config)

    # 7, 8: the code of a metric, and of what nearly all jobs import.
    for project in (lasting, anew.project, other):
        project.edit("workflow/basemodel/metrics/S1.py", '"value": ', '"value": 0.5 * ')
        project.edit("workflow/basemodel/seeds.py", '"\\x1f".join', '"\\x1e".join')
    check(lasting, anew, config)
    edited = copy.deepcopy(config)

    # 9 to 12: results are copied, are moved while a setting changes, lose Snakemake's records, and
    # are changed from another checkout.
    folder = lasting.folder
    shutil.copytree(folder / "results", folder / "copied")
    config["results"] = "copied"
    assert "Nothing to be done" in check(lasting, anew, config)
    shutil.move(folder / "copied", folder / "moved")
    config |= {"results": "moved", "seed": 5}
    check(lasting, anew, config)
    shutil.rmtree(folder / ".snakemake")
    assert "Nothing to be done" in check(lasting, anew, config)
    probe = {**config["probe"], "images_per_class": 3}
    run(other, {**config, "results": str(folder / "moved"), "probe": probe}, *SOME_FIGURES)
    check(lasting, anew, config)

    # 13: kills, each before a setting changes, and back.
    for seconds in (3, 5, 8):
        config["seed"] += 1
        config["pretrain"]["batch"] = 3 + config["seed"] % 2
        kill_after(lasting, config, seconds)
    config = {**copy.deepcopy(edited), "results": "moved"}
    check(lasting, anew, config)

    # 14: what a killed run has left without a record is neither taken nor made again unasked.
    begun = time.time()
    kill_after(
        lasting, {**config, "seed": 1}, 1,
        lambda: any(f.stat().st_mtime > begun for f in folder.glob("moved/subsets/*.json")),
    )  # fmt: skip
    shutil.rmtree(folder / ".snakemake")
    refused = start(lasting, config)
    said = refused.communicate()[0]
    assert refused.returncode == 1 and "--touch" in said and "--forceall" in said, said
    check(lasting, anew, config, "--forceall")


def start(project, config):
    text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
    (project.folder / "config.yaml").write_text(text, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=project.folder,
        env=project.environment(),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_after(project, config, seconds, done=lambda: True):
    """Start a run and kill all its processes, as a power cut would, some time after it has `done`
    what is waited for."""
    started = start(project, config)
    while not done() and started.poll() is None:
        time.sleep(0.1)
    time.sleep(seconds)
    os.killpg(started.pid, signal.SIGKILL)
    started.communicate()
    shutil.rmtree(project.folder / ".snakemake/locks", ignore_errors=True)
