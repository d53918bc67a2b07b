"""The paper's experiment on miniature copies of its data sets."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import miniatures
from basemodel.files import read_json

pytestmark = pytest.mark.full

EXPERIMENT = "workflow/experiments/imagenet.yaml"


def snakemake(project, *arguments, overlays=()):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(
        [*command, "--configfile", EXPERIMENT, *overlays],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=1200,
    )


def test_missing_files_are_all_told_at_once_before_anything_runs(fresh):
    run = snakemake(fresh, "-n")
    assert run.returncode == 1
    missing = re.findall(r"^  (\w+): data/", run.stdout + run.stderr, re.MULTILINE)
    assert list(dict.fromkeys(missing)) == [
        "imagenet", "stanford_cars", "fgvc_aircraft", "dtd", "oxford_iiit_pets", "caltech101",
        "flowers102", "cub200", "indoor67",
    ]  # fmt: skip
    assert len(missing) == 31 and "Traceback" not in run.stderr
    assert "`snakemake fetch`" in run.stderr


def test_the_slurm_profile_is_for_this_experiment_unless_another_is_named(fresh):
    def dry_run(*arguments):
        command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "-n", *arguments]
        run = subprocess.run(
            command, cwd=fresh.folder, env=fresh.environment(), capture_output=True, text=True
        )
        return run.returncode, run.stdout + run.stderr

    code, printed = dry_run("--config", "data_root=/nowhere")
    assert code == 1
    assert "imagenet: /nowhere/imagenet/train" in printed
    code, printed = dry_run("--configfile", "workflow/experiments/smoke.yaml")
    assert code == 0, printed
    assert "pack_files" not in printed and "275 jobs would run" in printed


def test_with_all_roots_there_it_is_sixty_by_three_by_eight(fresh):
    miniatures.build(fresh.folder / "data", classes=2, images=2, imagenet=20)
    run = snakemake(fresh, "-n")
    assert run.returncode == 0, run.stdout + run.stderr
    table = re.findall(r"^(\w+) +([\d,]+)  ", run.stdout + run.stderr, re.MULTILINE)
    jobs = {rule: int(count.replace(",", "")) for rule, count in table}
    assert jobs["pack_files"] == 9
    assert jobs["subset"] == 60 + 1  # and the whole, for normal training
    assert jobs["pretrain"] == 180
    assert jobs["finetune"] == jobs["featuremaps"] == 1440


def test_fetch_runs_although_everything_is_missing(fresh):
    """By a target of its own, which asks for no packed data set."""
    only = fresh.folder / "by_hand.yaml"
    only.write_text("targets: [cub200]\n")
    run = snakemake(fresh, "fetch", overlays=[str(only)])
    assert run.returncode == 0, run.stdout + run.stderr
    for name in ("imagenet", "cub200"):
        assert f"{name}: fetch it by hand, from https://" in run.stdout


def test_own_images_are_packed_and_a_stopped_packing_goes_on(fresh):
    """Snakemake keeps what the stopped job has done, because it is not a declared output."""
    for label in range(2):
        for number in range(60):
            file = fresh.folder / "data/beetles" / f"class{label}" / f"{number:02d}.png"
            miniatures.image(file, label, number)
    bad = fresh.folder / "data/beetles/class1/59.png"
    bad.write_text("no image")
    own = fresh.folder / "own.yaml"
    own.write_text(
        "results: results/smoke\ntargets: [beetles, digits]\nsubsets: {class: [5], image: [2]}\n"
        "datasets: {beetles: {kind: folder, title: Beetles, path: beetles, test_share: 0.1}}\n"
    )
    meta = "results/smoke/data/beetles/meta.json"
    run = fresh.snakemake("--", meta, overlay=(str(own),))
    assert run.returncode == 1
    assert f"{bad.relative_to(fresh.folder)}: cannot identify image file" in run.stdout + run.stderr
    bad.unlink()
    bad.with_name("58.png").rename(bad)  # the same names, so the same split, but for one
    bad.with_name("58.png").write_bytes(bad.read_bytes())
    run = fresh.snakemake("--", meta, overlay=(str(own),))
    assert run.returncode == 0, run.stdout + run.stderr
    log = (fresh.results / "logs/pack_files/beetles.log").read_text()
    assert "train/images.npy: resuming after 3 of 4 chunks" in log
    assert read_json(fresh.folder / meta)["images"] == {"train": 108, "test": 12}
    assert [path.name for path in (fresh.results / "data/beetles").rglob(".*")] == []
    # Neither of these is part of what the pixels depend on.
    own.write_text(own.read_text().replace("title: Beetles", "title: Bugs, on_error: drop"))
    run = fresh.snakemake("-n", "--", meta, overlay=(str(own),))
    assert run.returncode == 0 and "Nothing to be done" in run.stdout + run.stderr


@pytest.mark.slow
def test_a_miniature_of_it_runs_from_end_to_end(fresh):
    miniatures.build(fresh.folder / "data" / "miniature", classes=2, images=2, imagenet=40)
    run = snakemake(fresh, overlays=["workflow/experiments/miniature.yaml"])
    assert run.returncode == 0, run.stdout + run.stderr
    results = fresh.folder / "results" / "miniature"
    tables = results / "tables"
    assert len(pd.read_csv(tables / "fine_tuning.csv")) == 3 * 2 * 8
    assert len(pd.read_csv(tables / "targets.csv")) == 8
    dump = np.load(next(results.glob("features/vgg16/*/cub200/featuremaps.npy")), mmap_mode="r")
    assert dump.shape == (4, 512, 14, 14)
    assert "Comparable with the published numbers: NO" in (results / "summary.txt").read_text()
    hidden = {path.name for path in results.rglob(".*") if path.is_file()}
    assert hidden <= {".snakemake_timestamp"}  # of outputs that are folders
