"""The smoke experiment end to end: its outputs, the same in two runs, one of them killed."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from PIL import Image

TABLES = [
    "base_models", "targets", "fine_tuning", "scores", "correlation", "pairs",
    "normal_training", "cut_accuracies", "cut_choices", "cut_correlation", "epoch_metrics",
    "ceiling", "rho", "mean_rho", "differences", "regret", "mean_regret", "held_out", "optimism",
    "other_cut_choices",
]  # fmt: skip
SUBSETS, ARCHITECTURES, TARGETS, METRICS = 7, 3, 2, 6
ALL = METRICS + 4


def tables(project):
    files = sorted((project.results / "tables").iterdir())
    return {path.name: path.read_bytes() for path in [*files, project.results / "summary.txt"]}


def test_it_makes_every_table_whole(finished):
    read = {name: pd.read_csv(finished.results / "tables" / f"{name}.csv") for name in TABLES}
    assert {name: len(table) for name, table in read.items()} == {
        "base_models": SUBSETS * ARCHITECTURES,
        "targets": TARGETS,
        "fine_tuning": SUBSETS * ARCHITECTURES * TARGETS,
        "scores": SUBSETS * ARCHITECTURES * TARGETS,
        "correlation": ARCHITECTURES * TARGETS * METRICS,
        "pairs": 15 + METRICS,
        "normal_training": ARCHITECTURES * 2,
        "cut_accuracies": 5 * TARGETS,
        "cut_choices": TARGETS * (3 + METRICS),
        "cut_correlation": TARGETS * METRICS,
        # Those without a card, and the feature norm
        "epoch_metrics": ARCHITECTURES * 2 * (METRICS + 1 + 3),
        # Each target also has a ranking of all architectures' models
        "ceiling": (ARCHITECTURES + 1) * TARGETS,
        "rho": (ARCHITECTURES + 1) * TARGETS * ALL,
        "mean_rho": 2 * ALL,
        "differences": 2 * ALL * (ALL - 1) // 2,
        "regret": (ARCHITECTURES + 1) * TARGETS * (ALL + 1),
        "mean_regret": 2 * (ALL + 1),
        "held_out": TARGETS + ARCHITECTURES,
        "optimism": 2 * 4,
        "other_cut_choices": TARGETS * (3 + 2),
    }
    assert read["fine_tuning"]["accuracy"].between(0, 1).all()
    assert read["scores"][["S1", "S2", "S4", "S5", "S6"]].notna().all(axis=None)
    curves = np.load(finished.results / "tables" / "pair_curves.npy")
    assert curves.shape == (15, 101, ARCHITECTURES * TARGETS)


def test_it_draws_the_figures(finished):
    for name in ("1", "2", "3", "4-alexnet", "5", "6", "7"):
        for kind, head in {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}.items():
            path = finished.results / "figures" / f"figure{name}.{kind}"
            assert path.read_bytes().startswith(head)
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_the_tables_say_what_the_jobs_measured(finished):
    """One number followed by hand, from the featuremaps and the model's card to the tables."""
    dump = np.load(finished.results / "features/vgg16/image2-1/greek/featuremaps.npy").astype("f8")
    sparsity = (dump != 0).mean()
    scores = pd.read_csv(finished.results / "tables/scores.csv")
    row = scores.query("architecture == 'vgg16' and subset == 'image2-1' and target == 'greek'")
    assert row["S5"].item() == np.float64(sparsity).item()
    assert dump.shape[0] == 350 and dump.min() == 0


def test_base_models_are_completed_one_after_another(finished):
    log = sorted((finished.folder / ".snakemake" / "log").iterdir())[0].read_text()
    job = re.compile(
        r"rule (pretrain|featuremaps|finetune):\n(?:    .*\n)*?"
        r"    wildcards: architecture=(\w+), subset=([\w-]+)"
    )
    begun = {}
    for rule, *model in job.findall(log):
        if rule == "pretrain":
            begun[tuple(model)] = 0
            # Two run at once, and what one of them makes ready may have to wait for the other.
            assert sum(jobs < 2 * TARGETS for jobs in begun.values()) <= 3
        else:
            begun[tuple(model)] += 1
    assert list(begun.values()) == [2 * TARGETS] * SUBSETS * ARCHITECTURES


def test_what_scripts_print_is_in_their_logs(finished):
    log = finished.results / "logs/pretrain/alexnet/class5-1.log"
    assert "epoch 2: loss" in log.read_text() and "test" in log.read_text()


def test_a_second_run_does_nothing_and_says_so(finished):
    run = finished.snakemake()
    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout + run.stderr


def unlocked(project):
    """What `make run` does first."""
    return subprocess.run(
        [sys.executable, "workflow/scripts/unlock.py"],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
    )


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(finished, fresh):
    """kill -9 of everything halfway, in a second copy; only what was running is done again."""
    started = subprocess.Popen(
        fresh.command(),
        cwd=fresh.folder,
        env=fresh.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    cards = fresh.results / "models"
    while started.poll() is None and len(list(cards.glob("*/*.safetensors"))) < 8:
        time.sleep(0.05)
    refused = unlocked(fresh)
    assert refused.returncode == 1 and f"process {started.pid} on " in refused.stderr
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    kept = {path: path.stat().st_mtime_ns for path in cards.glob("*/*.json")}
    assert len(kept) >= 7

    unlock = unlocked(fresh)
    assert "its lock is removed" in unlock.stdout
    run = fresh.snakemake()
    assert run.returncode == 0, run.stdout + run.stderr
    again = [path for path, when in kept.items() if path.stat().st_mtime_ns != when]
    assert len(again) <= 2  # the run had two cores
    assert tables(fresh) == tables(finished)
    leftovers = [path for path in fresh.results.rglob(".*.part")]
    assert not leftovers
