"""How Slurm's answers are read, by stand-ins that print what `sacct` and `squeue` print."""

import asyncio
import shutil
import subprocess

import pytest

from snakemake_executor_plugin_slurm_bundles.job_states import ENDED, JobStates
from snakemake_executor_plugin_slurm_bundles.own_jobs import end, left_behind, mine


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """Make a command print something, or fail if that is None."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def answer(command, text):
        path = tmp_path / command
        body = "exit 1" if text is None else f"printf '{text}'"
        path.write_text(f"#!{shutil.which('sh', path='/bin:/usr/bin')}\n{body}\n")
        path.chmod(0o755)

    return answer


def states(ids, command=None):
    return asyncio.run(JobStates(command).of(set(ids.split())))


def test_sacct_tells_how_jobs_ended_that_squeue_does_not_list(answers):
    answers("squeue", "1|RUNNING\\n9|RUNNING\\n")
    answers("sacct", "2|COMPLETED\\n3|CANCELLED by 0\\n4|CANCELLED+\\n\\n")
    found = states("1 2 3 4 5")
    assert found == {"1": "RUNNING", "2": "COMPLETED", "3": "CANCELLED", "4": "CANCELLED"}
    assert sorted(id for id in found if found[id] in ENDED) == ["2", "3", "4"]


@pytest.mark.parametrize("listed", ["PENDING", "RUNNING", "COMPLETING"])
@pytest.mark.parametrize("lagging", ["NODE_FAIL", "CANCELLED by 0", "COMPLETED"])
def test_what_squeue_says_counts(answers, listed, lagging):
    """The accounts may show the end of a job that is requeued, or of which something still runs."""
    answers("squeue", f"1|{listed}\\n")
    answers("sacct", f"1|{lagging}\\n2|COMPLETED\\n")
    assert states("1") == {"1": listed}
    assert states("1 2") == {"1": listed, "2": "COMPLETED"}


def test_a_job_that_only_the_accounts_take_to_be_alive_is_not_known(answers):
    answers("squeue", "")
    answers("sacct", "1|RUNNING\\n2|PENDING\\n")
    assert states("1 2") == {}


@pytest.mark.parametrize("accounts", ["", None])
def test_accounts_that_know_nothing_or_do_not_answer(answers, accounts):
    answers("squeue", "7|PENDING\\n")
    assert states("7 8") == {"7": "PENDING"}  # no sacct here
    answers("sacct", accounts)
    assert states("7 8") == {"7": "PENDING"}


def test_no_answer_is_not_an_empty_answer(answers):
    answers("sacct", "")
    answers("squeue", None)
    assert states("1") is None
    answers("squeue", "")
    assert states("1") == {}


def test_sacct_is_not_asked_where_that_was_chosen(answers):
    answers("squeue", "")
    answers("sacct", "1|COMPLETED\\n")
    assert states("1", "squeue") == {}


@pytest.mark.parametrize("scancel", ["", None])
def test_a_job_is_gone_when_squeue_does_not_list_it_after_scancel(answers, scancel):
    answers("scancel", scancel)  # it fails for a job that is gone
    answers("squeue", "1|snakemake-1|/\\n")
    assert end({"1", "2"}) == {"2"}
    answers("squeue", None)
    with pytest.raises(subprocess.CalledProcessError):
        end({"1", "2"})


def test_jobs_are_the_users_own_whatever_logname_says(answers, monkeypatch, tmp_path):
    """squeue knows who asks; a name that is not the user's would find no jobs of a killed run."""
    answers("squeue", f"7|snakemake-1|{tmp_path}\\n")
    script = tmp_path / "squeue"
    test = 'case "$*" in *--me*) ;; *) exit 0;; esac\n'
    script.write_text(script.read_text().replace("\n", f"\n{test}", 1))
    monkeypatch.setenv("LOGNAME", "somebody")
    assert mine() == [["7", "snakemake-1", str(tmp_path)]]
    assert left_behind("snakemake-", tmp_path) == ["7"]
