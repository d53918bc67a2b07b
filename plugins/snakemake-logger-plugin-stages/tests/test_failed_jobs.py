"""What a user is told when something goes wrong."""

import pytest

pytestmark = pytest.mark.full


def test_failed_job_while_others_go_on(workflow):
    run = workflow.snakemake("--keep-going", "--config", "bad=7")
    assert run.returncode == 1
    shown = run.stderr.partition("\nstage ")[0]
    assert "FAILED: second (i=7)\n  log: logs/second/7.log\n" in shown
    assert "  | 20\n  | ValueError: bad value\n" in shown
    assert "  | 12\n" not in shown  # only the last lines
    assert "CalledProcessError" not in run.stderr  # the log said why
    assert "Failed: 1 job\n  second (i=7)  logs/second/7.log\n" in run.stderr
    assert "Done: 17 of 19 jobs." in run.stderr
    assert "Not run: 1 job (waiting for what failed; everything else went on)." in run.stderr
    assert "run the same command again" in run.stderr
    assert "Results:" not in run.stderr

    resumed = workflow.snakemake("--config", "bad=-1")
    assert resumed.returncode == 0
    assert "Results: out/" in resumed.stderr


def test_failed_job_without_log(workflow):
    """Then Snakemake's own reason is all there is to say."""
    run = workflow.snakemake("out/fails")
    assert run.returncode == 1
    (_, _, shown) = run.stderr.partition("FAILED: fails\n")
    assert "  | CalledProcessError in file" in shown
    assert "returned non-zero exit status 3." in shown


def test_stop_at_first_failure(workflow):
    run = workflow.snakemake("--cores", "1", "--config", "bad=0")
    assert run.returncode == 1
    assert "FAILED: second (i=0)" in run.stderr
    assert "(stopped at the first failure; with --keep-going the others go on)" in run.stderr


def test_many_failures_are_counted(workflow):
    """Three jobs of a stage say what is wrong; twelve would bury it."""
    snakefile = workflow.folder / "Snakefile"
    snakefile.write_text(snakefile.read_text().replace("test {wildcards.i} -ne", "false"))
    run = workflow.snakemake("--keep-going")
    assert run.stderr.count("FAILED: second") == 3
    assert "Failed: 12 jobs" in run.stderr
    assert "  and 2 more\n" in run.stderr
    assert "Not run: 3 jobs (waiting" in run.stderr


def test_missing_output(workflow):
    """Snakemake reports these otherwise than a failed command."""
    run = workflow.snakemake("out/forgotten")
    assert run.returncode == 1
    assert "FAILED: forgets" in run.stderr
    assert "some output files are missing" in run.stderr
    assert "Done: 0 of 1 job." in run.stderr


def test_errors_come_through(workflow):
    run = workflow.snakemake("nothing/makes/this")
    assert run.returncode == 1
    assert "MissingRuleException" in run.stderr and "nothing/makes/this" in run.stderr
    (workflow.folder / "Snakefile").write_text("raise ValueError('a bad setting')\n")
    run = workflow.snakemake()
    assert run.returncode == 1
    assert "ValueError" in run.stderr and "a bad setting" in run.stderr


def test_warnings_come_through(workflow):
    text = "from snakemake.logging import logger\nlogger.warning('a warning of the Snakefile')\n"
    snakefile = workflow.folder / "Snakefile"
    snakefile.write_text(text + snakefile.read_text())
    run = workflow.snakemake("out/first/0")
    assert "a warning of the Snakefile" in run.stderr
    assert "Done: all 1 job." in run.stderr
