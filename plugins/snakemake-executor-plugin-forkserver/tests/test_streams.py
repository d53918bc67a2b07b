"""What a script prints, by whatever means, is in its log, or else in the terminal."""

import gzip

LINES = [
    "python stdout",
    "python stderr",
    "descriptor stdout",
    "subprocess stdout",
    "subprocess stderr",
    "library stdout",
    "last line",
]


def test_streams(workflow):
    result = workflow.run("all", "--cores", "1")
    assert result.returncode == 0, result.stderr
    assert workflow.read("logs/deep/logged.log").splitlines() == LINES
    assert workflow.read("logs/first.log").splitlines() == LINES
    assert workflow.read("logs/second.log") == ""  # made by Snakemake
    # Snakemake itself writes to stderr only.
    assert result.stdout.splitlines() == [line for line in LINES if "stderr" not in line]
    for line in LINES:
        assert (line in result.stderr.splitlines()) == ("stderr" in line)

    own = ["by logging", "by print", "by logging again", "by a replaced stream"]
    assert workflow.read("logs/own.log").splitlines() == own
    assert workflow.read("out/unclosed.txt") == "written by a thread at exit"
    with gzip.open(workflow.folder / "out/unclosed.gz", "rt") as packed:
        assert packed.read() == "packed"


def test_nothing_is_lost_when_a_script_dies(workflow):
    result = workflow.run("out/killed.txt")
    assert result.returncode == 1
    assert workflow.read("logs/killed.log").splitlines() == LINES


def test_a_log_is_of_the_last_run(workflow):
    for _ in range(2):
        assert workflow.run("out/logged.txt", "--forceall").returncode == 0
    assert workflow.read("logs/deep/logged.log").splitlines() == LINES
