"""What runs again after a change to the finished smoke experiment: what it affects, and no more."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time

import pytest

from basemodel.tables import read_csv
from projects import ROOT, Project, announced

# What shows the metrics of the base models, and those of normal training and of cut networks.
COMPARED = {"comparison": 1, "figure6": 1, "figure7": 1, "summary": 1}
AFTER_METRICS = {"correlation": 1, "figure2": 1, "figure3": 1, "held_out": 1, **COMPARED}
AFTER_CUTS = {"cuts": 1, "figure4": 1, "figure5": 1}
ALL_CUTS = {**AFTER_CUTS, "other_cuts": 1}
# Of one metric: architectures x targets, architectures, targets of the one that is cut.
METRIC_JOBS = {"metric": 3 * 2, "epoch_metric": 3, "cut_metric": 2}


def test_touching_every_file_makes_nothing_run(editable):
    later = time.time() + 5
    for path in sorted(editable.folder.rglob("*")):
        if path.is_file() and ".snakemake" not in path.parts:
            later += 0.001  # an order in which many inputs are newer than their outputs
            os.utime(path, (later, later))
    assert editable.would_run() == {}


def test_comments_and_docstrings_make_nothing_run(editable):
    for path in (editable.folder / "workflow").rglob("*.py"):
        path.write_text(
            "# A new first line.\n" + path.read_text(encoding="utf-8"), encoding="utf-8"
        )
    editable.edit("workflow/basemodel/training/loop.py", '"""The training loop', '"""The old loop')
    assert editable.would_run() == {}


def test_a_metrics_arithmetic_makes_its_own_jobs_run_and_what_shows_it(editable):
    editable.append("workflow/basemodel/metrics/S4.py", "UNUSED = 1")
    shown = {**METRIC_JOBS, **AFTER_METRICS, **AFTER_CUTS, "figure1": 1, "epoch_metrics": 1}
    assert editable.would_run() == shown


def test_a_later_metrics_arithmetic_leaves_the_papers_figures_alone(editable):
    editable.append("workflow/basemodel/metrics/LogME.py", "UNUSED = 1")
    assert editable.would_run() == {
        **METRIC_JOBS, **COMPARED, "other_cuts": 1, "epoch_metrics": 1
    }  # fmt: skip


def test_a_helper_makes_its_users_run_and_what_follows(editable):
    editable.append("workflow/basemodel/report/figures/figure3.py", "UNUSED = 1")
    assert editable.would_run() == {"figure3": 1}
    editable.append("workflow/basemodel/training/finetuning.py", "UNUSED = 1")
    tuned = {"finetune": 42, "accuracies": 1, "ceiling": 1, "cut_finetune": 10, "versions": 2}
    assert editable.would_run() == {**tuned, **AFTER_METRICS, **ALL_CUTS}


def test_an_architectures_code_trains_its_own_models_alone(editable):
    editable.append("workflow/basemodel/models/architectures/vgg16.py", "UNUSED = 1")
    would_run = editable.would_run()
    assert would_run["pretrain"] == 7 and would_run["normal"] == 1
    assert would_run["finetune"] == 14 and "cut_finetune" not in would_run


FIGURES = {f"figure{number}": 1 for number in range(1, 8)}


@pytest.mark.parametrize(
    ("settings", "jobs"),
    [
        ("figures: {dpi: 90}", FIGURES),
        ("runtime: {device_memory: 0.1}\nplan: {devices: 8}", {}),
        # Where jobs compute; none has a setting, a parameter or an input of another value.
        ("runtime: {device: cuda, gpu_from: 0, gpu_jobs: 3, gpu_memory: 24}", {}),
        # All that shows it, and what has inputs that are made with the table of targets.
        (
            "datasets: {greek: {title: Ellinika}}",
            {"accuracies": 1, "ceiling": 1, **AFTER_METRICS, "figure4": 1, "figure5": 1},
        ),
        ("datasets: {glyphs: {title: Signs}}", {"summary": 1}),
        # All but the metric of the base models' cards.
        (
            "probe: {dtype: float16}",
            {
                "featuremaps": 42, "epoch_featuremaps": 6, "cut_featuremaps": 10,
                "metric": 54, "epoch_metric": 30, "cut_metric": 16, "epoch_metrics": 1,
                **AFTER_METRICS, **ALL_CUTS, "figure1": 1, "versions": 3,
            },
        ),
        (
            "correlation: {alpha_step: 0.02}",
            {"correlation": 1, "figure2": 1, "figure3": 1, "held_out": 1, "summary": 1},
        ),
        (
            "comparison: {bootstrap: 200}",
            {"ceiling": 1, **AFTER_METRICS},
        ),
        (
            "finetune: {epochs: 11}",
            {
                "finetune": 42, "accuracies": 1, "ceiling": 1, **AFTER_METRICS,
                "cut_finetune": 10, **ALL_CUTS, "versions": 2,
            },
        ),
        (
            "targets: [greek, digits, hebrew]",
            {
                "pack": 1, "probe": 1, "featuremaps": 21, "finetune": 21, "metric": 30,
                "accuracies": 1, "ceiling": 1, **AFTER_METRICS,
                "cut_featuremaps": 5, "cut_finetune": 5, "cut_metric": 8, "costs": 1, **ALL_CUTS,
                "versions": 2,
            },
        ),
        (
            "architectures: {vgg16: {pretrain: {gamma: 0.2}}}",
            {
                "pretrain": 7, "featuremaps": 14, "finetune": 14, "metric": 20,
                "accuracies": 1, "ceiling": 1, **AFTER_METRICS,
                "normal": 1, "epoch_featuremaps": 2, "epoch_metric": 10, "epoch_metrics": 1,
                "epoch_accuracies": 1, "figure1": 1, "versions": 2,
            },
        ),
    ],
)  # fmt: skip
def test_a_setting_makes_run_what_it_changes(finished, tmp_path, settings, jobs):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(settings)
    assert finished.would_run(str(overlay)) == jobs


def test_a_forked_dry_run_says_what_one_in_a_new_process_says(finished, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("targets: [greek, digits, hebrew]")
    forked = finished.snakemake("-n", overlay=(str(overlay),))
    new = subprocess.run(
        forked.args, cwd=finished.folder, env=finished.environment(), capture_output=True, text=True
    )
    assert "featuremaps" in new.stdout
    said = [(run.returncode, run.stdout, run.stderr) for run in (forked, new)]
    assert said[0] == said[1]


def test_a_changed_metric_really_runs_alone(editable):
    """Not only announced: S4 halved is computed, and no network is trained or passed through."""
    watched = [*editable.results.glob("models/*/*"), *editable.results.glob("finetune/*/*/*")]
    watched += [
        *editable.results.glob("features/*/*/*/*"),
        *editable.results.glob("metrics/S1/*/*"),
    ]
    before = {path: path.stat().st_mtime_ns for path in watched}
    table = editable.results / "metrics/S4/vgg16/greek.csv"
    first = [line.split(",")[1] for line in table.read_text().splitlines()[1:]]
    editable.edit(
        "workflow/basemodel/metrics/S4.py", 'return {"value": ', 'return {"value": 0.5 * '
    )
    run = editable.snakemake()
    assert run.returncode == 0, run.stdout + run.stderr
    second = [line.split(",")[1] for line in table.read_text().splitlines()[1:]]
    assert [float(x) * 0.5 for x in first] == pytest.approx([float(x) for x in second])
    assert before == {path: path.stat().st_mtime_ns for path in watched}
    editable.edit("workflow/basemodel/metrics/S4.py", '{"value": 0.5 * ', '{"value": ')
    assert editable.snakemake().returncode == 0


def test_the_readmes_metric_is_one_file_and_appears_everywhere(finished, tmp_path):
    """After the README's commands: in scores, intervals, regret, normal training, cuts, figures."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [name] = re.findall(r"here `(workflow/basemodel/metrics/\w+\.py)`", readme)
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    [code] = [block for block in blocks if "def compute" in block]
    smoke, with_all = re.findall(r"^snakemake (.*smoke\.yaml[^#\n]*)", readme, re.MULTILINE)
    project = Project(tmp_path / "project")
    shutil.copytree(finished.folder, project.folder, symlinks=True)

    def run(command, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *shlex.split(command), *arguments],
            cwd=project.folder, env=project.environment(), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    (project.folder / name).write_text(code)
    said = run(smoke, "-n")
    assert announced(said) == {}
    [unused] = re.findall(r"^Not compared, of [\w/]+: (.*); name them", said.stdout, re.MULTILINE)
    assert "Spread" in unused.split(", ")
    (project.folder / name).unlink()
    run(with_all)
    (project.folder / name).write_text(code)
    assert announced(run(with_all, "-n")) == {
        **METRIC_JOBS, **COMPARED, "other_cuts": 1, "epoch_metrics": 1
    }  # fmt: skip
    done = run(with_all)
    assert "Not compared" not in done.stdout + done.stderr
    tables = project.results / "tables"
    assert "Spread" in (tables / "scores.csv").read_text().splitlines()[0].split(",")
    for name, column in [
        ("rho", "metric"), ("mean_rho", "metric"), ("differences", "second"),
        ("regret", "metric"), ("mean_regret", "metric"), ("epoch_metrics", "metric"),
        ("other_cut_metrics", "metric"), ("other_cut_choices", "chooser"),
        ("other_cut_correlation", "metric"),
    ]:  # fmt: skip
        table = read_csv(tables / f"{name}.csv")
        found = set(table[column]) | set(table.get("first", []))
        assert "Spread" in found, name
    for figure in ("figure6", "figure7"):
        svg = (project.results / "figures" / f"{figure}.svg").read_text()
        assert "spread of the embeddings" in svg
    assert "Spread" in (project.results / "summary.txt").read_text()


def test_an_error_in_the_settings_is_one_line_before_any_work(finished):
    run = finished.snakemake("--config", "pretrain={epoch: 3}")
    assert run.returncode == 1
    assert "pretrain.epoch: there is no such setting; did you mean epochs?" in run.stderr
    assert "Traceback" not in run.stderr
