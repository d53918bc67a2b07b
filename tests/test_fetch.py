"""Fetching data sets, and settings that name them: what is missing is reported at once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torchvision.datasets
import yaml

from basemodel import checks, prerequisites, settings
from basemodel.data import fetch
from miniatures import OFFICIAL
from test_datasets import listing, make_folders

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def experiment():
    """The paper's experiment, laid over the default."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    over = (ROOT / "workflow/experiments/imagenet.yaml").read_text(encoding="utf-8")

    def lay(over, under):
        for key, value in over.items():
            under[key] = lay(value, under.get(key, {})) if isinstance(value, dict) else value
        return under

    return lay(yaml.safe_load(over), config)


@pytest.fixture
def datasets(experiment):
    return {name: experiment["datasets"][name] for name in settings.used(experiment)}


def test_fetch_downloads_what_torchvision_can_and_tells_where_the_rest_is_from(
    miniature, tmp_path, datasets, monkeypatch, capsys
):
    """Only torchvision's network access is replaced; everything else is real."""
    asked, root = [], tmp_path / "data"

    def arrive(url, *place, md5=None, **more):
        asked.append((url, md5))
        for layout in miniature.iterdir():
            shutil.copytree(layout, root / layout.name, dirs_exist_ok=True)

    for module in ("fgvc_aircraft", "dtd", "oxford_iiit_pet", "flowers102"):
        source = getattr(torchvision.datasets, module)
        monkeypatch.setattr(source, "download_and_extract_archive", arrive)
    only = {name: datasets[name] for name in datasets if name not in ("imagenet", "caltech101")}
    for name in ("fgvc_aircraft", "dtd", "oxford_iiit_pets"):
        asked.clear()
        shutil.rmtree(root, ignore_errors=True)
        assert fetch.fetch(root, False, {name: only[name]}) == 0
        assert all(url.startswith("https://www.robots.ox.ac.uk/~vgg/data/") for url, _ in asked)
        assert name == "fgvc_aircraft" or all(md5 for _, md5 in asked)
    assert "dtd: 4 classes, 20 + 8 images are there" in capsys.readouterr().out


def test_fetch_says_a_line_for_each_that_is_to_be_fetched_by_hand(
    tmp_path, datasets, monkeypatch, capsys
):
    asked = []
    monkeypatch.setattr(fetch, "download", lambda root, name: asked.append(name))
    failed = fetch.fetch(tmp_path, True, datasets)
    assert asked == ["FGVCAircraft", "DTD", "OxfordIIITPet", "Caltech101", "Flowers102"]
    assert all(hasattr(torchvision.datasets, name) for name in asked)
    assert failed == len(asked)  # nothing has arrived
    lines = capsys.readouterr().out.splitlines()
    by_hand = [line for line in lines if "fetch it by hand" in line]
    assert [line.split(":")[0] for line in by_hand] == [
        "imagenet", "stanford_cars", "cub200", "indoor67",
    ]  # fmt: skip
    assert lines[-4:] == by_hand
    assert all(str(tmp_path) in line and len(line) < 400 for line in by_hand)
    assert all("https://" in line or "Kaggle" in line for line in by_hand)


def test_fetch_verifies_what_is_there(copied, datasets, capsys):
    (copied / listing(copied, "dtd").train[0][0]).unlink()
    assert fetch.fetch(copied, False, datasets) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9 and "indoor67: 4 classes, 20 + 8 images are there" in lines
    assert [line for line in lines if line.startswith("dtd: 1 images are named in its lists")]


def test_fetch_says_which_files_are_skipped_and_names_that_are_not_utf8(tmp_path, capfdbinary):
    dataset = {"kind": "folder", "path": "mine", "title": "Mine"}
    make_folders(tmp_path, {"a": 3, "b": 3})
    (tmp_path / "mine/a" / os.fsdecode(b"caf\xe9.heic")).touch()
    params = {"root": str(tmp_path), "counts": "any", "datasets": {"mine": dataset}}

    def run():
        code = f"import jobs; jobs.run('fetch.py', params={params})"
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent)
        return capfdbinary.readouterr().out.decode()

    said = run().splitlines()
    assert said[0] == "mine: 2 classes, 4 + 2 images are there"
    assert said[1].startswith("mine: 1 files are skipped") and r"(mine/a/caf\xe9.heic)" in said[1]
    (tmp_path / "mine" / os.fsdecode(b"caf\xe9")).mkdir()
    assert r"mine/caf\xe9: no image in this class folder" in run()


def test_a_download_that_fails_leaves_the_others_alone(tmp_path, datasets, monkeypatch, capsys):
    def fail(root, name):
        raise OSError("no network")

    monkeypatch.setattr(fetch, "download", fail)
    assert fetch.fetch(tmp_path, True, datasets) == 5
    out = capsys.readouterr().out
    assert "dtd: the download failed, OSError: no network; try again" in out


def test_everything_missing_is_told_at_once(experiment, copied, tmp_path):
    experiment.update(data_root=str(copied), results=str(tmp_path / "results"))
    prerequisites.require_files(experiment)
    shutil.rmtree(copied / "dtd")
    (copied / "CUB_200_2011/images.txt").unlink()
    shutil.rmtree(copied / "imagenet/val")
    with pytest.raises(checks.SettingsError) as error:
        prerequisites.require_files(experiment)
    lines = str(error.value).splitlines()
    assert lines[0] == "data_root: of the data sets' files, 6 are missing:"
    assert lines[1:-1] == [
        f"  imagenet: {copied}/imagenet/val",
        *(f"  dtd: {copied}/dtd/dtd/labels/{split}1.txt" for split in ("train", "val", "test")),
        f"  dtd: {copied}/dtd/dtd/images",
        f"  cub200: {copied}/CUB_200_2011/images.txt",
    ]
    assert "`snakemake fetch`" in lines[-1]
    # What is packed is no longer needed.
    for name in ("imagenet", "dtd", "cub200"):
        (tmp_path / "results/data" / name).mkdir(parents=True)
        (tmp_path / "results/data" / name / "meta.json").touch()
    prerequisites.require_files(experiment)


def test_divisions_are_checked_before_anything_is_packed(experiment, miniature):
    checks.check(experiment)  # 1,000 classes
    experiment["subsets"]["class"] = [30]
    with pytest.raises(checks.SettingsError, match="30 does not divide the 1000 classes of imag"):
        checks.check(experiment)
    experiment.update(data_counts="any", data_root=str(miniature))
    experiment["subsets"]["class"] = [4]
    with pytest.raises(checks.SettingsError, match="4 does not divide the 6 classes of imagenet"):
        checks.check(experiment)
    experiment["subsets"]["class"] = [3]
    checks.check(experiment)
    experiment["data_root"] = "nowhere"
    checks.check(experiment)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"kind": "folder", "title": "Mine"}, "datasets.mine"),
        ({"kind": "cub200", "title": "Birds", "path": "x"}, "datasets.mine"),
        ({"kind": "folder", "title": "M", "path": "x", "on_error": "skip"}, "datasets.mine"),
        ({"kind": "folder", "title": "M", "path": "x", "test_share": 1}, "datasets.mine"),
    ],
)
def test_a_data_sets_settings_are_checked(experiment, dataset, message):
    experiment["datasets"]["mine"] = dataset
    with pytest.raises(checks.SettingsError, match=f"^{message}"):
        checks.check(experiment)


def test_settings_are_read_without_torch(tmp_path):
    """The Snakefile is parsed again by every job of a cluster."""
    code = (
        "import sys; from basemodel import settings; from basemodel.data import kinds; "
        f"[kinds.module(kind) for kind in {[*OFFICIAL, 'folder']}]; "
        "print([name for name in ('torch', 'torchvision', 'scipy', 'PIL') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
