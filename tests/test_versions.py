"""Versions on cards: what is read, what counts as mixed, what has changed."""

import importlib.metadata
import json
import platform
import subprocess
import sys

import pytest

from basemodel.run import versions


def test_they_are_the_installed_ones():
    packages = {*versions.GLYPHS, *versions.DIGITS, *versions.FILES, *versions.NETWORKS}
    read = versions.of(packages)
    assert read.pop("python") == platform.python_version()
    assert read == {name: importlib.metadata.version(name) for name in packages}
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        versions.of(["no-such-package"])


def test_nothing_is_imported_to_read_them():
    line = """
import sys
from basemodel.run import versions
versions.of([*versions.GLYPHS, *versions.DIGITS, *versions.FILES, *versions.NETWORKS])
print(sorted({"matplotlib", "PIL", "sklearn", "torch", "torchvision"} & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stderr


def card(path, **recorded):
    path.write_text(json.dumps({"versions": recorded}))
    return path


def test_they_are_counted_and_mixed_ones_told(tmp_path):
    numpy, torch = {"numpy": "2.4.6"}, {"torch": "2.10"}
    cards = {
        "data_sets": [card(tmp_path / "a", **numpy)],
        "networks": [
            card(tmp_path / "b", **numpy, **torch),
            card(tmp_path / "c", **numpy, torch="2.9"),
            card(tmp_path / "d", **numpy, **torch),
        ],
    }
    rows = versions.gather(cards)
    assert rows == [
        ("data_sets", "numpy", "2.4.6", 1),
        ("networks", "numpy", "2.4.6", 3),
        ("networks", "torch", "2.10", 2),
        ("networks", "torch", "2.9", 1),
    ]
    assert versions.mixed(rows) == ["torch 2.10: 2 networks", "torch 2.9: 1 networks"]
    assert versions.mixed(rows[:3]) == []
    other = ("fine_tunings", "numpy", "2.3", 1440)
    assert versions.mixed([*rows[:2], other]) == [
        "numpy 2.3: 1,440 fine tunings",
        "numpy 2.4.6: 1 data sets, 3 networks",
    ]


def test_a_card_of_other_versions_has_changed(tmp_path):
    assert not versions.changed(tmp_path / "none")
    assert not versions.changed(card(tmp_path / "same", **versions.of(versions.NETWORKS)))
    assert versions.changed(card(tmp_path / "other", **versions.of(["numpy"]), torch="2.0.0"))
