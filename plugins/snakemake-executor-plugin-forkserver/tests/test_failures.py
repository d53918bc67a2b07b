"""A job fails alone, says how, and a later run does what is left."""

import re

import pytest

pytestmark = pytest.mark.full


def message(output: str, way: str) -> str:
    """What Snakemake printed about a failed script: from its first line to the log's."""
    match = re.search(
        rf"Script \S+ of rule job [^\n]*\nIts output is in logs/{way}\.log.*?(?=\n\[|\Z)",
        output,
        re.S,
    )
    assert match, f"no message about {way} in:\n{output}"
    return match[0]


def test_each_failure_is_its_own(workflow):
    first = workflow.run("--keep-going", "all")
    assert first.returncode == 1
    assert workflow.read("out/fine.txt") == workflow.read("out/alsofine.txt") == "whole"
    for way, how in {
        "raise": "ended with exit code 1",
        "exit3": "ended with exit code 3",
        "exittext": "ended with exit code 1",
        "osexit": "ended with exit code 7",
        "kill": "was killed by SIGKILL",
        "segfault": "was killed by SIGSEGV",
    }.items():
        assert not workflow.has(f"out/{way}.txt")
        assert how in message(first.stderr, way)
        assert workflow.read(f"logs/{way}.log").startswith(f"started {way}\n")

    assert "ValueError: the reason of the failure" in message(first.stderr, "raise")
    assert ", in deep" in message(first.stderr, "raise")
    assert "server.py" not in first.stderr + workflow.read("logs/raise.log")
    assert "ValueError: the reason" in workflow.read("logs/raise.log")
    assert "the last words" in workflow.read("logs/exittext.log")
    assert "Segmentation fault" in workflow.read("logs/segfault.log")

    second = workflow.run("all", REPAIRED="1")
    assert second.returncode == 0, second.stderr
    # Each job has come to its end once: the second run did not repeat what was done.
    runs = workflow.read("runs.txt").split()
    assert sorted(runs) == sorted(
        ["raise", "exit3", "exittext", "osexit", "kill", "segfault", "fine", "alsofine"]
    )


def test_without_keep_going_the_run_ends(workflow):
    result = workflow.run("out/exit3.txt", "out/fine.txt", "--cores", "1")
    assert result.returncode == 1
    assert "ended with exit code 3" in message(result.stderr, "exit3")


def test_retries(workflow):
    result = workflow.run("out/exit3.txt", "--retries", "2")
    assert result.returncode == 1
    assert result.stderr.count("ended with exit code 3") == 3


def test_death_of_the_server_costs_its_jobs_only(workflow):
    first = workflow.run("out/after.txt", "--keep-going")
    assert first.returncode == 1
    assert "the fork server that it ran in has died" in first.stderr
    second = workflow.run("out/after.txt", REPAIRED="1")
    assert second.returncode == 0, second.stderr
    assert workflow.read("out/after.txt") == "whole"


def test_after_the_death_of_the_server_a_new_one_starts(workflow):
    first = workflow.run("out/lost.txt", "out/fine.txt", "--keep-going", "--cores", "1")
    assert "the fork server that it ran in has died" in first.stderr
    assert workflow.read("out/fine.txt") == "whole"
