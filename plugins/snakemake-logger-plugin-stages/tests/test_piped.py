"""What a user sees who has no terminal, or keeps the output in a file."""

import os
import re
import subprocess

import pytest


def row(output: str, stage: str) -> list[str]:
    """The words of a stage's row in the table at the end."""
    (found,) = re.findall(rf"^{stage} +\d.*$", output, re.MULTILINE)
    return found.split()


def test_counts_and_summary(done):
    _, run = done
    assert run.returncode == 0, run.stderr
    assert "20 jobs to run:" in run.stderr
    for stage, count in {"first": "4", "second": "12", "third": "3", "python": "1"}.items():
        assert re.search(rf"jobs? to run: .*\b{stage} {count}\b", run.stderr)
        assert re.search(rf"^\[\d+:\d\d\] {stage} complete: {count} jobs?, ", run.stderr, re.M)
        assert row(run.stderr, stage)[1] == count
    assert "Done: all 20 jobs. Wall time 0:" in run.stderr
    assert "Results: out/" in run.stderr


def test_time_in_jobs(done):
    """The four jobs of the first stage sleep 0.2 s each."""
    _, run = done
    assert float(row(run.stderr, "first")[3]) >= 0.2
    (spent,) = re.findall(r"time in jobs (\d+):(\d\d)", run.stderr)
    assert 60 * int(spent[0]) + int(spent[1]) >= 1


def test_quiet_but_full_log(done):
    """A few lines for the user, every job in the log that they name."""
    workflow, run = done
    assert run.stdout == ""
    assert "rule second:" not in run.stderr
    lines = [line for line in run.stderr.splitlines() if "% " not in line]
    assert len(lines) < 25
    (path,) = re.findall(r"^Full log: (.*)$", run.stderr, re.MULTILINE)
    log = (workflow.folder / path).read_text()
    assert log.count("rule second:") == 12
    for i in range(12):
        assert f"output: out/second/{i}\n" in log
    assert "\x1b" not in run.stderr


@pytest.mark.full
def test_nothing_to_do(done):
    workflow, _ = done
    run = workflow.snakemake("-n", "--quiet")
    assert "Nothing to be done: all results are up to date in out/" in run.stdout
    run = workflow.snakemake()
    assert run.returncode == 0
    assert "Nothing to be done: all results are up to date in out/" in run.stderr
    assert "Done:" not in run.stderr


@pytest.mark.full
def test_dry_run_says_why(done):
    workflow, _ = done
    run = workflow.snakemake("-n", "--config", "version=2")
    assert "3 jobs would run:" in run.stdout
    assert re.search(
        r"^third +3  Params have changed since last execution$", run.stdout, re.MULTILINE
    )
    assert "rule third:" not in run.stdout
    forced = workflow.snakemake("-n", "-R", "second", "--config", "version=2")
    assert re.search(r"^second +12  Forced execution$", forced.stdout, re.MULTILINE)
    assert re.search(r"^third +3  Input files updated by another job", forced.stdout, re.MULTILINE)


@pytest.mark.full
def test_details_on_request(done):
    """Who asks for commands gets Snakemake's own output, a paragraph a job."""
    workflow, _ = done
    run = workflow.snakemake("-n", "-p", "--config", "version=2")
    assert run.stdout.count("rule third:") == 3
    assert "touch out/third/0" in run.stdout


@pytest.mark.full
def test_other_commands(done):
    workflow, _ = done
    assert len(workflow.snakemake("--summary").stdout.splitlines()) == 20
    assert "Unlocked working directory." in workflow.snakemake("--unlock").stderr
    assert "No log directive defined" in workflow.snakemake("--lint").stderr
    report = workflow.snakemake("--report", "report.html")
    assert report.returncode == 0 and "Report created" in report.stderr


def first_line_only(workflow, *arguments: str) -> int:
    """The exit status of Snakemake in `snakemake 2>&1 | head -1`."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        workflow.command(*arguments),
        cwd=workflow.folder,
        env=workflow.environment(),
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    with os.fdopen(reader) as lines:
        lines.readline()
    return process.wait(timeout=60)


def test_the_status_is_the_runs_own_when_nobody_reads(workflow):
    assert first_line_only(workflow, "out/third/0") == 0
    assert first_line_only(workflow, "out/third/0") == 0  # nothing to be done
    assert first_line_only(workflow, "-n", "out/third/1") == 0
    assert first_line_only(workflow, "--verbose", "out/third/1") == 0
    assert first_line_only(workflow, "out/fails") == 1
