"""Records name what really made a result: code and settings that change during a run, labels,
numbers of epochs, versions of packages."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from projects import announced

S4 = "workflow/basemodel/metrics/S4.py"
S4_TABLES = [
    f"results/smoke/metrics/S4/{architecture}/{target}.csv"
    for architecture in ("alexnet", "resnet18", "vgg16")
    for target in ("greek", "digits")
]


def done(run):
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def test_code_that_is_edited_during_a_run_makes_no_results(editable):
    """The run's own S4, once it has run, puts another S4 in its place, as a branch switch would."""
    original = (editable.folder / S4).read_text(encoding="utf-8")
    tables = {path: (editable.folder / path).read_bytes() for path in S4_TABLES}
    swap = f"""
    from pathlib import Path
    Path({str(editable.folder / S4)!r}).write_text({original!r} + "OTHER = 1\\n", encoding="utf-8")
    return {{"value": """
    editable.edit(S4, '\n    return {"value": ', swap)
    swapping = (editable.folder / S4).read_text(encoding="utf-8")

    run = editable.snakemake("--cores", "1", "--", *S4_TABLES)
    assert run.returncode == 1
    assert f"{Path(S4).relative_to('workflow')}: edited while this run was going on" in (
        run.stdout + run.stderr
    )
    left = [path for path in S4_TABLES if (editable.folder / path).exists()]
    assert len(left) == 1  # of the job that ran before the edit

    # With the original code back, that result is as recorded and the others are still to be done.
    (editable.folder / S4).write_text(swapping, encoding="utf-8")
    dry = done(editable.snakemake("-n", "--", *S4_TABLES))
    assert "5 jobs would run" in dry
    (editable.folder / S4).write_text(original, encoding="utf-8")
    done(editable.snakemake("--", *S4_TABLES))
    assert tables == {path: (editable.folder / path).read_bytes() for path in S4_TABLES}
    assert editable.would_run() == {}


def job_of_a_cluster(project, rule, wildcards, run_record):
    """Run one job as a cluster does: a Snakemake of its own reads the Snakefile again."""
    words = ",".join(f"{name}={value}" for name, value in wildcards.items())
    command = f"""
        {shlex.quote(sys.executable)} -m snakemake --snakefile Snakefile
        --target-jobs {rule}:{words} --allowed-rules {rule} --local-groupid 1 --cores 1 --force
        --nolock --ignore-incomplete --mode remote --executor forkserver --attempt 1
        --configfiles workflow/experiments/smoke.yaml
    """
    environment = {**project.environment(), "BASEMODEL_RUN": str(run_record)}
    return subprocess.run(
        shlex.split(command), cwd=project.folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def run_record(finished):
    """The file in which a run of the finished experiment has recorded its code and settings."""
    done(finished.snakemake("-n"))
    noted = (finished.folder / ".snakemake/runs").glob("*.json")
    return max(noted, key=lambda path: path.stat().st_mtime_ns)


def put_back(path):
    text = path.read_text(encoding="utf-8")
    yield path
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def settings(finished):
    yield from put_back(finished.folder / "workflow/experiments/smoke.yaml")


@pytest.fixture
def rules(finished):
    yield from put_back(finished.folder / "workflow/rules/scores.smk")


METRIC = {"metric": "S4", "architecture": "alexnet", "target": "greek"}


def test_a_clusters_job_has_the_settings_that_its_run_started_with(finished, run_record, settings):
    probe = finished.results / "probes/greek/images.npy"
    before = np.load(probe), probe.stat()
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f"{text}\nprobe: {{images_per_class: 2}}\n", encoding="utf-8")
    done(job_of_a_cluster(finished, "probe", {"target": "greek"}, run_record))
    assert probe.stat().st_mtime_ns > before[1].st_mtime_ns
    np.testing.assert_array_equal(np.load(probe), before[0])


def test_a_clusters_job_does_not_run_edited_code(editable, run_record):
    """What would be recorded is the fingerprint of the start of the run."""
    table = editable.folder / S4_TABLES[0]
    before = table.read_bytes()
    editable.edit(S4, 'return {"value": ', 'return {"value": 0.5 * ')
    run = job_of_a_cluster(editable, "metric", METRIC, run_record)
    assert run.returncode == 1
    log = editable.results / "logs/metric/S4/alexnet/greek.log"
    assert "metrics/S4.py: edited while this run was going on" in log.read_text()
    editable.edit(S4, '{"value": 0.5 * ', '{"value": ')
    done(job_of_a_cluster(editable, "metric", METRIC, run_record))
    assert table.read_bytes() == before


def test_a_clusters_job_does_not_read_edited_rules(editable, run_record, rules):
    rules.write_text(rules.read_text().replace("rows=SUBSETS", "rows=SUBSETS[::-1]"))
    run = job_of_a_cluster(editable, "metric", METRIC, run_record)
    assert run.returncode == 1
    assert "rules/scores.smk: edited while this run was going on" in run.stdout + run.stderr
    editable.append("workflow/basemodel/data/subsets.py", "UNUSED = 1")
    rules.write_text(rules.read_text().replace("rows=SUBSETS[::-1]", "rows=SUBSETS"))
    run = job_of_a_cluster(editable, "metric", METRIC, run_record)
    assert "basemodel/data/subsets.py: edited while" in run.stdout + run.stderr


SHOW_METRICS = {"figure1": 1, "figure2": 1, "figure3": 1, "figure5": 1}


def test_a_metrics_label_makes_all_run_that_shows_it_after_an_interruption_too(editable):
    """Metrics and tables are done with the new label, then the run ends: figures are to be done."""
    path = "workflow/basemodel/metrics/feature_norm.py"
    editable.edit(path, 'LABEL = "', 'LABEL = "the ')
    assert set(editable.would_run()) == {
        "epoch_metric", "epoch_metrics", "figure1"
    }  # fmt: skip
    editable.edit(path, 'LABEL = "the ', 'LABEL = "')
    path = "workflow/basemodel/metrics/S1.py"
    editable.edit(path, 'LABEL = "', 'LABEL = "the ')
    tables = [f"results/smoke/tables/{name}.csv" for name in ("pairs", "cut_choices")]
    tables += [f"results/smoke/normal/{name}/metrics/S1.csv" for name in ("alexnet", "vgg16")]
    done(editable.snakemake("--", *tables))
    assert SHOW_METRICS.items() <= editable.would_run().items()
    editable.edit(path, 'LABEL = "the ', 'LABEL = "')
    done(editable.snakemake("--", *tables))


@pytest.mark.parametrize("epochs", [1, 4])
def test_another_number_of_epochs_trains_again_whatever_is_asked_for(finished, tmp_path, epochs):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(f"architectures: {{alexnet: {{pretrain: {{epochs: {epochs}}}}}}}")
    choices = "results/smoke/tables/cut_choices.csv"
    assert "normal " in done(finished.snakemake("-n", "--", choices, overlay=(str(overlay),)))


@pytest.mark.full
def test_fewer_epochs_leave_none_of_more(fresh):
    overlay, normal = fresh.folder / "overlay.yaml", fresh.results / "normal/alexnet"
    targets = [f"results/smoke/normal/alexnet/{name}" for name in ("metrics/S5.csv", "model.json")]
    for epochs in (3, 2):
        overlay.write_text(f"architectures: {{alexnet: {{pretrain: {{epochs: {epochs}}}}}}}")
        run = fresh.snakemake("--", *targets, overlay=(str(overlay),))
        done(run)
        weights = [path.name for path in normal.glob("weights/*.safetensors")]
        assert sorted(weights) == [f"{epoch}.safetensors" for epoch in range(1, epochs + 1)]
        assert len((normal / "metrics/S5.csv").read_text().splitlines()) == 1 + epochs
        assert len(json.loads((normal / "model.json").read_text())["epochs"]) == epochs
        assert "Nothing to be done" in done(
            fresh.snakemake("-n", "--", *targets, overlay=(str(overlay),))
        )


def test_versions_stand_on_every_card(finished):
    cards = [
        path
        for part in ("data/*/meta.json", "models/*/*.json", "features/*/*/*/card.json",
                     "finetune/*/*/*.json", "normal/*/model.json", "normal/*/features/*/card.json",
                     "truncation/*/finetune/*/*.json", "truncation/*/features/*/*/card.json")
        for path in finished.results.glob(part)
    ]  # fmt: skip
    assert len(cards) == 3 + 21 + 42 + 42 + 3 + 6 + 20
    for path in cards:
        assert {"python", "numpy"} < json.loads(path.read_text())["versions"].keys(), path
    assert "VERSIONS" not in (finished.results / "summary.txt").read_text()


@pytest.fixture
def mixed(finished):
    """One fine-tuning that other versions have made, from before anything that was made of it."""
    path = next((finished.results / "finetune/vgg16").glob("*/greek.json"))
    text, stat = path.read_text(encoding="utf-8"), path.stat()
    card = json.loads(text)
    card["versions"]["torch"] = "2.4.0"
    path.write_text(json.dumps(card))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    yield finished
    path.write_text(text, encoding="utf-8")
    done(finished.snakemake("--forcerun", "versions"))
    assert "VERSIONS" not in (finished.results / "summary.txt").read_text()


def stale(project):
    """What `snakemake stale` prints for other programs: cards."""
    run = project.snakemake("--", "stale")
    done(run)
    return run.stdout.split()


def test_mixed_versions_are_said_and_run_again_if_they_are_forced(mixed):
    assert mixed.would_run() == {}
    cards = stale(mixed)
    assert len(cards) == 1 and cards[0].startswith("results/smoke/finetune/vgg16/")
    again = announced(mixed.snakemake("-n", "--forcerun", *cards))
    assert again.pop("finetune") == 1
    assert set(again) <= {
        "accuracies", "versions", "correlation", "summary", "figure2", "figure3", "figure6",
        "figure7", "ceiling", "comparison", "held_out",
    }  # fmt: skip

    said = done(mixed.snakemake("--forcerun", "versions"))
    (line,) = [line for line in said.splitlines() if "several versions of packages" in line]
    assert "torch 2.4.0: 1 fine tunings" in line
    summary = (mixed.results / "summary.txt").read_text(encoding="utf-8")
    assert "5. MADE WITH SEVERAL VERSIONS OF PACKAGES" in summary
    assert "\ntorch 2.4.0: 1 fine tunings\n" in summary


def test_nothing_is_stale_where_no_version_has_changed(finished):
    assert stale(finished) == []
    assert announced(finished.snakemake("-n", "--forcerun")) == {}
