"""A training that is told to stop in a real run: Snakemake's retry resumes it."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.full

MODEL = "results/smoke/models/resnet18/class5-1"
# Long enough to be met in training, and saved as often as can be.
OVERLAY = """
architectures: {resnet18: {pretrain: {epochs: 12, step_epochs: 5}}}
runtime: {checkpoint_seconds: 0}
"""


def writer(process, log):
    """The process below this one whose output is the log, or None."""
    for child in process.children(recursive=True):
        try:
            if Path(f"/proc/{child.pid}/fd/1").readlink() == log:
                return child
        except OSError:
            continue  # it has just ended
    return None


def test_a_preempted_training_is_continued_by_a_retry(fresh):
    weights, card = fresh.folder / f"{MODEL}.safetensors", fresh.folder / f"{MODEL}.json"
    log = fresh.folder / "results/smoke/logs/pretrain/resnet18/class5-1.log"
    overlay = fresh.folder / "overlay.yaml"
    overlay.write_text(OVERLAY)
    target = f"{MODEL}.safetensors"

    run = fresh.snakemake("--retries", "0", target, overlay=(str(overlay),))
    assert run.returncode == 0, run.stdout + run.stderr
    expected = weights.read_bytes(), card.read_bytes()
    weights.unlink()
    card.unlink()

    command = fresh.command("--retries", "1", target, overlay=(str(overlay),))
    run = subprocess.Popen(
        command, cwd=fresh.folder, env=fresh.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    checkpoint = card.with_name(f".{card.name}.checkpoint")
    while run.poll() is None and not checkpoint.exists():
        time.sleep(0.01)
    writer(psutil.Process(run.pid), log).terminate()
    printed, _ = run.communicate(timeout=1500)
    assert run.returncode == 0, printed
    assert "resumes after" in log.read_text()
    assert (weights.read_bytes(), card.read_bytes()) == expected
    assert not [path.name for path in card.parent.iterdir() if path.name.startswith(".")]
