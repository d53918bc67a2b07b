"""Settings on the real command line: numbers reach the jobs, what cannot work stops the start."""

import subprocess
import sys

import miniatures
from basemodel.files import read_json


def test_numbers_given_inline_reach_the_jobs(fresh):
    for label in range(2):
        for number in range(6):
            path = fresh.folder / "beetles" / f"class {label}" / f"{number}.png"
            miniatures.image(path, label, number)
    target = "results/rank/beetles/images.json"
    rank = ["images=beetles", "candidates=[base:alexnet/a]"]
    rank.append("rank={images_per_class: 3, metadata: null}")

    def snakemake(*settings, options=()):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "1", *options, "--config", *rank,
             *settings, "--", target],
            cwd=fresh.folder, env=fresh.environment(), capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    code, printed = snakemake("finetune={augmentation: true, repeats: 0}")
    assert code == 0, printed
    assert len(read_json(fresh.folder / target)["probe"]) == 2 * 3
    overlay = fresh.folder / "overlay.yaml"
    overlay.write_text("rank: {images_per_class: 3, metadata: null}\n")
    rank.pop()
    assert "Nothing to be done" in snakemake(options=["-n", "--configfile", overlay])[1]
    overlay.write_text('rank: {images_per_class: "3"}\n')
    code, printed = snakemake(options=["-n", "--configfile", overlay])
    assert code == 1
    assert "config: rank.images_per_class: '3' is not of type 'integer'" in printed


def test_a_character_without_a_font_is_told_before_any_job(fresh):
    """Only by a run that would pack it: neither ranking nor another data set needs it."""

    def dry_run(target):
        given = 'datasets={"hebrew": {"characters": ["אב一"]}}'
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "-n", "--config", given, "--", target],
            cwd=fresh.folder, env=fresh.environment(), capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    code, printed = dry_run("results/data/hebrew/meta.json")
    assert code == 1
    assert "config: datasets.hebrew.characters: no font that matplotlib ships draws '一'" in printed
    assert dry_run("all")[0] == 1
    for target in ("results/data/greek/meta.json", "plan"):
        assert dry_run(target)[0] == 0


def test_a_figure_without_a_caption_is_told_before_any_job(fresh):
    (fresh.folder / "workflow/report/figure6.rst").unlink()
    run = fresh.snakemake("-n")
    assert run.returncode != 0
    assert "workflow/report/figure6.rst: is missing" in run.stdout + run.stderr
