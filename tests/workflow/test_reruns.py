"""What runs again after a change, on the finished smoke experiment: what it means for, no more."""

import os
import time

import pytest

METRIC_JOBS = 3 * 2  # of one metric: architectures x targets
AFTER_METRICS = {"correlation": 1, "figure2": 1, "figure3": 1, "summary": 1}


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
    editable.edit("workflow/basemodel/training.py", '"""The training loop', '"""The old loop')
    assert editable.would_run() == {}


def test_a_metrics_arithmetic_makes_its_own_jobs_run_and_what_shows_it(editable):
    path = editable.folder / "workflow/basemodel/metrics/s4.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nUNUSED = 1\n", encoding="utf-8")
    assert editable.would_run() == {"metric": METRIC_JOBS, **AFTER_METRICS}


def test_a_helper_makes_its_users_run_and_what_follows(editable):
    path = editable.folder / "workflow/basemodel/figures/figure3.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nUNUSED = 1\n", encoding="utf-8")
    assert editable.would_run() == {"figure3": 1}
    path = editable.folder / "workflow/basemodel/finetuning.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nUNUSED = 1\n", encoding="utf-8")
    assert editable.would_run() == {"finetune": 42, "accuracies": 1, **AFTER_METRICS}


@pytest.mark.parametrize(
    ("setting", "jobs"),
    [
        ("figures={dpi: 90}", {"figure2": 1, "figure3": 1}),
        ("correlation={alpha_step: 0.02}", AFTER_METRICS),
        ("finetune={epochs: 11}", {"finetune": 42, "accuracies": 1, **AFTER_METRICS}),
        ("metrics=[S5,S6]", AFTER_METRICS),
        (
            "targets=[greek,digits,hebrew]",
            {
                "pack": 1, "probe": 1, "featuremaps": 21, "finetune": 21, "metric": 18,
                "accuracies": 1, **AFTER_METRICS,
            },
        ),
        (
            "architectures={vgg16: {pretrain: {epochs: 3}}}",
            {
                "pretrain": 7, "featuremaps": 14, "finetune": 14, "metric": 12,
                "accuracies": 1, **AFTER_METRICS,
            },
        ),
    ],
)  # fmt: skip
def test_a_setting_makes_run_what_it_changes(finished, setting, jobs):
    assert finished.would_run("--config", setting) == jobs


def test_a_lost_result_alone_is_made_again(finished):
    lost = finished.results / "metrics/S3/vgg16/greek.csv"
    kept = lost.read_bytes()
    lost.unlink()
    try:
        assert finished.would_run() == {"metric": 1, **AFTER_METRICS}
    finally:
        lost.write_bytes(kept)


def test_a_changed_metric_really_runs_alone(editable):
    """Not only announced: S4 halved is computed, and no network is trained or passed through."""
    watched = [*editable.results.glob("models/*/*"), *editable.results.glob("finetune/*/*/*")]
    watched += [
        *editable.results.glob("featuremaps/*/*/*"),
        *editable.results.glob("metrics/S1/*/*"),
    ]
    before = {path: path.stat().st_mtime_ns for path in watched}
    table = editable.results / "metrics/S4/vgg16/greek.csv"
    first = [line.split(",")[1] for line in table.read_text().splitlines()[1:]]
    editable.edit(
        "workflow/basemodel/metrics/s4.py", 'return {"value": ', 'return {"value": 0.5 * '
    )
    run = editable.snakemake()
    assert run.returncode == 0, run.stdout + run.stderr
    second = [line.split(",")[1] for line in table.read_text().splitlines()[1:]]
    assert [float(x) * 0.5 for x in first] == pytest.approx([float(x) for x in second])
    assert before == {path: path.stat().st_mtime_ns for path in watched}
    editable.edit("workflow/basemodel/metrics/s4.py", '{"value": 0.5 * ', '{"value": ')
    assert editable.snakemake().returncode == 0


def test_an_error_in_the_settings_is_one_line_before_any_work(finished):
    run = finished.snakemake("--config", "pretrain={epoch: 3}")
    assert run.returncode == 1
    assert "pretrain.epoch: there is no such setting; did you mean epochs?" in run.stderr
    assert "Traceback" not in run.stderr
