"""Numbers, booleans and null on the real command line reach the jobs as they do from a file."""

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
    rank = ["images=beetles", "candidates=[base:alexnet/a]", "rank={images_per_class: 3, metadata: null}"]

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
