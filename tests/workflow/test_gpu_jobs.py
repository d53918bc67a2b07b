"""What the workflow's rules ask for of a GPU."""

import re
from collections import Counter

import pytest

import miniatures

pytestmark = pytest.mark.full


def asked(project, runtime, *arguments):
    """How many jobs a dry run announces, by rule, gpu and gpu_share; those without either as 0."""
    overlay = project.folder / "runtime.yaml"
    overlay.write_text(f"runtime: {runtime}\n")
    run = project.snakemake("-n", "-p", *arguments, overlay=(str(overlay),))
    assert run.returncode == 0, run.stdout + run.stderr
    counts = Counter()
    for job in re.split(r"^(?:local)?(?:rule|checkpoint) ", run.stdout + run.stderr, flags=re.M)[
        1:
    ]:
        resources = dict(re.findall(r"\b(gpu|gpu_share)=(\d+)", job))
        rule, gpu = job.split(":")[0], int(resources.get("gpu", 0))
        counts[rule, gpu, int(resources.get("gpu_share", 0))] += 1
    return counts


def with_a_gpu(counts):
    return {key: count for key, count in counts.items() if key[1]}


def test_rules_ask_for_a_gpu_where_it_is_worth_it(fresh):
    assert with_a_gpu(asked(fresh, "{}")) == {}
    # Of the smoke experiment 1.4e11 to 2.5e11 in normal training, and 1.2e11 where ResNet18 is
    # pre-trained on halves of all classes.
    assert with_a_gpu(asked(fresh, "{gpu_from: 1.0e+11, gpu_memory: 24}")) == {
        ("normal", 1, 12): 3, ("pretrain", 1, 12): 2,
    }  # fmt: skip
    everything = {
        ("pretrain", 1, 33): 21, ("featuremaps", 1, 33): 42, ("finetune", 1, 33): 42,
        ("normal", 1, 33): 3, ("epoch_featuremaps", 1, 33): 6,
        ("cut_featuremaps", 1, 33): 10, ("cut_finetune", 1, 33): 10,
    }  # fmt: skip
    assert with_a_gpu(asked(fresh, "{device: cuda, gpu_jobs: 3}")) == everything
    assert with_a_gpu(asked(fresh, "{device: cpu, gpu_from: 0}")) == {}


def test_candidates_take_a_gpu_as_their_size_is_not_known(fresh, tmp_path):
    for label in "ab":
        for number in range(2):
            miniatures.image(tmp_path / "own" / label / f"{number}.png", ord(label), number)
    target = "results/smoke/rank/own/candidates/base-resnet18-class5-1/card.json"
    named = ["--config", f"images={tmp_path / 'own'}", "candidates=[base:resnet18/class5-1]"]
    assert with_a_gpu(asked(fresh, "{}", *named, "--", target)) == {("rank_candidate", 1, 25): 1}
    assert with_a_gpu(asked(fresh, "{device: cpu}", *named, "--", target)) == {}
