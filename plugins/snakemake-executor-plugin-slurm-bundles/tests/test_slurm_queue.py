"""How Slurm's answers are read, by stand-ins that print what `sacct` and `squeue` print."""

import asyncio
import shutil

import pytest

from snakemake_executor_plugin_slurm_bundles.queue import ENDED, Queue, left_behind, mine


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


def states(queue):
    return asyncio.run(queue.states())


def test_states_of_a_cluster_with_accounts(answers):
    answers("sacct", "1|COMPLETED\\n2|CANCELLED by 0\\n3|CANCELLED+\\n4|RUNNING\\n\\n")
    answers("squeue", None)
    found = states(Queue("name", None))
    assert found == {"1": "COMPLETED", "2": "CANCELLED", "3": "CANCELLED", "4": "RUNNING"}
    assert [id for id in found if found[id] in ENDED] == ["1", "2", "3"]


def test_squeue_where_there_are_no_accounts_or_no_sacct(answers):
    answers("squeue", "7|PENDING\\n")
    assert states(Queue("name", None)) == {"7": "PENDING"}
    answers("sacct", None)
    assert states(Queue("name", None)) == {"7": "PENDING"}


def test_no_answer_is_not_an_empty_answer(answers):
    answers("sacct", None)
    answers("squeue", None)
    queue = Queue("name", None)
    assert states(queue) is None
    answers("squeue", "")
    assert states(queue) == {}


def test_squeue_helps_when_the_accounts_go_away(answers):
    answers("sacct", "1|RUNNING\\n")
    answers("squeue", "1|COMPLETED\\n")
    queue = Queue("name", None)
    assert states(queue) == {"1": "RUNNING"}
    answers("sacct", None)
    states(queue)
    assert states(queue) == {"1": "COMPLETED"}


def test_only_the_command_that_was_chosen_is_asked(answers):
    answers("sacct", "1|RUNNING\\n")
    answers("squeue", "1|COMPLETED\\n")
    assert states(Queue("name", "squeue")) == {"1": "COMPLETED"}


def test_jobs_are_the_users_own_whatever_logname_says(answers, monkeypatch, tmp_path):
    """squeue knows who asks; a name that is not the user's would find no jobs of a killed run."""
    answers("squeue", f"7|snakemake-1|{tmp_path}\\n")
    script = tmp_path / "squeue"
    test = 'case "$*" in *--me*) ;; *) exit 0;; esac\n'
    script.write_text(script.read_text().replace("\n", f"\n{test}", 1))
    monkeypatch.setenv("LOGNAME", "somebody")
    assert mine() == [["7", "snakemake-1", str(tmp_path)]]
    assert left_behind("snakemake-", tmp_path) == ["7"]
