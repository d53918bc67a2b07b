"""The real workflow with `snakemake --profile slurm`: the same results, even after losses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import slurm_cluster

import miniatures
from projects import EXPERIMENT, Project, copy_project
from rank_weights import as_if_trained

pytestmark = pytest.mark.full

# Long enough to be met in training, and saved as often as can be.
LONGER = """
architectures: {resnet18: {pretrain: {epochs: 12}}, alexnet: {pretrain: {epochs: 40}}}
runtime: {checkpoint_seconds: 0, gpu_from: 0}
"""
MODELS = [f"results/smoke/models/{name}/class5-1" for name in ("resnet18", "alexnet")]


class OnSlurm(Project):
    """A copy of the project, run as a user of the cluster runs it."""

    def start(self, cluster, *arguments, overlay=()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                sys.executable, "-m", "snakemake", "--profile", "slurm",
                "--configfile", EXPERIMENT, *overlay,
                "--slurm-bundles-init-seconds-before-status-checks", "2", *arguments,
            ],
            cwd=self.folder, env={**cluster.environment, **self.environment()} | {
                "PATH": cluster.environment["PATH"]
            },
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip


@pytest.fixture(scope="module")
def cluster():
    """Three nodes with two GPUs each; skips the test where Slurm is not installed."""
    if problem := slurm_cluster.missing():
        pytest.skip(problem)
    with slurm_cluster.running() as started:
        yield started


@pytest.fixture(scope="module")
def on_slurm(cluster, tmp_path_factory) -> OnSlurm:
    project = OnSlurm(copy_project(tmp_path_factory.mktemp("on_slurm") / "project").folder)
    # What a user enters there.
    profile = "profiles/slurm/config.yaml"
    project.edit(profile, "  # slurm_partition: gpu ", "  slurm_partition: main ")
    project.edit(profile, "  # slurm_account: my_account ", "  slurm_account: someone ")
    project.edit(
        profile, """# slurm_extra: "'--exclude=node7'" """, """slurm_extra: "'--nice=7'" """
    )
    return project


def ended(run: subprocess.Popen[str], seconds: float) -> str:
    """What a run has printed; one that does not end in time is ended."""
    try:
        return run.communicate(timeout=seconds)[0]
    finally:
        run.kill()


def test_the_tables_are_those_of_a_local_run(cluster, on_slurm, finished):
    # Jobs this small ask for no GPU by themselves. They compute on the CPU: the GPUs are no GPUs.
    overlay = on_slurm.folder / "gpus.yaml"
    overlay.write_text("runtime: {gpu_from: 0}\n")
    run = on_slurm.start(cluster, overlay=(str(overlay),))
    printed = ended(run, 1500)
    assert run.returncode == 0, printed
    expected = sorted((finished.results / "tables").iterdir()) + [finished.results / "summary.txt"]
    for path in expected:
        here = on_slurm.folder / path.relative_to(finished.folder)
        assert here.read_bytes() == path.read_bytes(), path.name

    # A Slurm job for each base model and one for what follows from it, not one per target.
    rows = cluster.jobs("%k", "%y", "%Z", states="--states=all")
    rows = [row[:2] for row in rows if row[2] == str(on_slurm.folder)]
    assert {nice for _, nice in rows} == {"7"}  # slurm_extra has come through
    comments = [comment for comment, _ in rows]
    base_models = 7 * 3
    assert len([c for c in comments if c.startswith("rule_pretrain")]) == base_models
    assert len([c for c in comments if c.endswith("featuremaps_finetune")]) <= base_models + 5 + 3
    assert len(comments) < 80
    # What a rule prints is where it is after a local run.
    logs = {path.relative_to(finished.results) for path in finished.results.rglob("*.log")}
    assert {path.relative_to(on_slurm.results) for path in on_slurm.results.rglob("*.log")} == logs


def test_trainings_that_are_cancelled_or_lose_their_node_end_the_same(cluster, on_slurm):
    """One job by scancel, which lets it save its state, one by the loss of its node."""
    overlay = on_slurm.folder / "longer.yaml"
    overlay.write_text(LONGER)
    targets = ["--retries", "2", *(f"{model}.safetensors" for model in MODELS)]
    cards = [on_slurm.folder / f"{model}.json" for model in MODELS]
    files = [*cards, *(card.with_suffix(".safetensors") for card in cards)]
    run = on_slurm.snakemake(*targets, overlay=(str(overlay),))
    assert run.returncode == 0, run.stdout + run.stderr
    expected = [path.read_bytes() for path in files]
    for path in files:
        path.unlink()

    run = on_slurm.start(cluster, *targets, overlay=(str(overlay),))
    try:
        begun = [card.with_name(f".{card.name}.checkpoint") for card in cards]
        slurm_cluster.wait_for(lambda: all(path.exists() for path in begun), 600)
        jobs = {comment: (id, node) for id, comment, node in cluster.jobs("%i", "%k", "%N")}
        cancelled, elsewhere = jobs["rule_pretrain_wildcards_resnet18_class5-1"]
        _, lost = jobs["rule_pretrain_wildcards_alexnet_class5-1"]
        assert lost in slurm_cluster.NODES and lost != elsewhere
        cluster.call("scancel", cancelled)
        cluster.kill_node(lost)
        printed, _ = run.communicate(timeout=1500)
    finally:
        run.kill()
        cluster.start_node(lost)
    assert run.returncode == 0, printed
    assert "has ended as CANCELLED" in printed
    assert "has ended as NODE_FAIL" in printed
    assert [path.read_bytes() for path in files] == expected
    log = on_slurm.results / "logs/pretrain/resnet18/class5-1.log"
    assert "resumes after" in log.read_text()


def test_a_candidate_of_a_ranking_is_a_job(cluster, on_slurm):
    for number in range(10):
        for label in "ab":
            miniatures.image(on_slurm.folder / "ants" / label / f"{number}.png", ord(label), number)
    run = on_slurm.snakemake("--", *(f"{model}.safetensors" for model in MODELS))
    assert run.returncode == 0, run.stdout + run.stderr
    names = [f"base:{Path(model).parent.name}/{Path(model).name}" for model in MODELS]
    overlay = on_slurm.folder / "rank.yaml"
    overlay.write_text(json.dumps({"images": "ants", "candidates": [*names, "timm:no_such"]}))
    run = on_slurm.start(cluster, "--", "rank", overlay=(str(overlay),))
    printed = ended(run, 1500)
    assert run.returncode == 0, printed
    found = json.loads((on_slurm.results / "rank/ants/ranking.json").read_text())
    assert found["candidates"][0]["name"] in printed
    assert "timm has no model 'no_such'" in printed
    assert sorted(one["name"] for one in found["candidates"]) == sorted(names)
    comments = [row[0] for row in cluster.jobs("%k", states="--states=all")]
    # Two models, their untrained baselines, the bad name and its baseline.
    assert len([c for c in comments if c.startswith("rule_rank_candidate")]) == 6
    assert not [c for c in comments if "rank_report" in c]  # where the user waits for it


def test_an_experiment_on_given_models_has_the_tables_of_a_local_run(cluster, on_slurm):
    for label in range(3):
        for number in range(10):
            file = on_slurm.folder / "beetles" / str(label) / f"{number}.jpg"
            miniatures.image(file, label, number)
    settings = {
        "models": [as_if_trained(on_slurm.folder / f"w{n}.safetensors", n) for n in range(3)],
        "targets": ["./beetles", "greek"],
        "finetune": {"repeats": 1, "optimizer": None, "learning_rate": None},
    }
    outcomes = []
    for results, start in (
        ("results/local", lambda overlay: on_slurm.snakemake(overlay=overlay)),
        ("results/slurm", lambda overlay: on_slurm.start(cluster, overlay=overlay)),
    ):
        overlay = on_slurm.folder / f"{Path(results).name}.yaml"
        overlay.write_text(json.dumps(settings | {"results": results}))
        run = start((str(overlay),))
        printed = ended(run, 1500) if isinstance(run, subprocess.Popen) else run.stdout + run.stderr
        assert run.returncode == 0, printed
        tables = (on_slurm.folder / results / "tables").glob("*.csv")
        outcomes.append({file.name: file.read_bytes() for file in tables})
    here, there = outcomes
    assert here.keys() == there.keys() and {"zoo.csv", "rho.csv", "held_out.csv"} <= here.keys()
    for name in here:
        assert here[name] == there[name], name
    comments = [row[0] for row in cluster.jobs("%k", states="--states=all")]
    assert [c for c in comments if c.startswith("rule_rank_finetune")]
