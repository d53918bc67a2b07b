"""Who owns a lock, whether the owner is alive, and that the lock stays if in doubt."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from basemodel import unlock

ROOT = Path(__file__).parents[1]
HERE = unlock.describe(os.getpid())
ELSEWHERE = {"host": "node7", "machine": "m7", "boot": "b7"}


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def lock(folder, owner, number=0):
    locks = folder / unlock.LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    for kind in ("input", "output"):
        (locks / f"{number}.{kind}.lock").write_text("results/a\n")
        if owner is not None:
            (locks / f"{number}.{kind}.lock.owner").write_text(json.dumps(owner))
    return locks


def run(folder):
    """What `make run` and `make rank` start first: the exit code and what it printed."""
    command = [sys.executable, "-m", "basemodel.unlock"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert len((done.stdout + done.stderr).splitlines()) <= 1, done.stderr
    return done.returncode, done.stdout + done.stderr


def make(folder, target, *arguments):
    """Run make where all is installed, and snakemake only says that it was called."""
    shutil.copy(ROOT / "Makefile", folder)
    called = folder / ".venv" / "bin"
    called.mkdir(parents=True)
    (called / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (called / "snakemake").write_text("#!/bin/sh\necho snakemake starts\n")
    for script in called.iterdir():
        script.chmod(0o755)
    for file in ("pyproject.toml", "envs/requirements.txt", ".venv/.installed"):
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).touch()
    command = ["make", target, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


def dead_process():
    process = subprocess.Popen(["true"])
    owner = unlock.describe(process.pid)
    process.wait()
    return owner


def test_no_lock_no_word(tmp_path):
    assert run(tmp_path) == (0, "")
    (tmp_path / unlock.LOCKS).mkdir(parents=True)
    assert run(tmp_path) == (0, "")


def test_the_lock_of_a_dead_run_is_removed(tmp_path):
    locks = lock(tmp_path, dead_process())
    code, printed = run(tmp_path)
    assert code == 0 and "its lock is removed" in printed
    assert not locks.exists()


@pytest.mark.parametrize("command", [("run",), ("rank", "IMAGES=photos")])
def test_make_removes_it_before_a_run(tmp_path, command, sleeper):
    locks = lock(tmp_path, dead_process())
    code, printed = make(tmp_path, *command)
    assert code == 0 and "snakemake starts" in printed
    assert not locks.exists()

    shutil.rmtree(tmp_path / ".venv")
    lock(tmp_path, unlock.describe(sleeper.pid))
    code, printed = make(tmp_path, *command)
    assert code != 0 and "snakemake starts" not in printed
    assert locks.exists()


def test_a_live_run_keeps_its_lock_wherever_it_works_and_whatever_it_is_called(tmp_path, sleeper):
    locks = lock(tmp_path, unlock.describe(sleeper.pid))
    code, printed = run(tmp_path)
    assert code == 1 and f"running here already (process {sleeper.pid} on " in printed
    assert len(list(locks.iterdir())) == 4


def test_a_process_that_is_called_snakemake_does_not_matter(tmp_path):
    called = subprocess.Popen(["bash", "-c", "exec -a snakemake sleep 600"], cwd=tmp_path)
    try:
        while b"snakemake" not in Path(f"/proc/{called.pid}/cmdline").read_bytes():
            time.sleep(0.01)
        lock(tmp_path, dead_process())
        assert "its lock is removed" in run(tmp_path)[1]
    finally:
        called.kill()
        called.wait()


def test_a_live_run_of_another_user_is_seen_to_live(sleeper):
    """Whose process may not be sent a signal, not even to see whether it is there."""
    if os.geteuid() != 0:
        pytest.skip("no right to be another user")
    owner = unlock.describe(sleeper.pid)
    child = os.fork()
    if child == 0:
        os.setresuid(65534, 65534, 65534)
        os._exit(0 if unlock.is_dead(owner, HERE) is False else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_number_that_another_process_has_now_is_not_the_owner(tmp_path, sleeper):
    owner = unlock.describe(sleeper.pid)
    assert unlock.is_dead(owner, HERE) is False
    assert unlock.is_dead({**owner, "started": owner["started"] - 1}, HERE) is True


def test_a_dead_process_that_nobody_has_waited_for_is_dead():
    process = subprocess.Popen(["sleep", "600"])
    owner = unlock.describe(process.pid)
    process.kill()
    while unlock.start_of(process.pid) != 0:
        time.sleep(0.01)
    assert unlock.is_dead(owner, HERE) is True
    process.wait()


@pytest.mark.parametrize(("changes", "dead"), [
    ({"boot": "before"}, True),  # a power cut
    ({"boot": "before", "host": "renamed"}, None),
    ({"boot": "before", "machine": "other"}, None),
    ({"boot": None}, None),
    ({"host": "renamed"}, False),  # the same boot: the same machine
    (ELSEWHERE, None),  # a folder that several machines share
    ({"namespaces": ["pid:[1]", None]}, None),  # a container beside this one
    ({"started": None}, None),
])  # fmt: skip
def test_what_can_be_seen_from_here(tmp_path, sleeper, changes, dead):
    here = {**HERE, "machine": "this"}
    owner = {**unlock.describe(sleeper.pid), "machine": "this", **changes}
    assert unlock.is_dead(owner, here) is dead


def test_without_a_machines_id_a_name_is_not_enough(sleeper):
    owner = {**unlock.describe(sleeper.pid), "machine": None, "boot": "other"}
    assert unlock.is_dead(owner, {**HERE, "machine": None}) is None


@pytest.mark.parametrize("owner", [
    None, "no", {"pid": 1}, {**HERE, **ELSEWHERE}, {**HERE, "namespaces": []},
], ids=["unsigned", "unreadable", "incomplete", "another machine", "container"])  # fmt: skip
def test_in_doubt_it_stays_and_the_user_is_told_what_to_do(tmp_path, owner):
    locks = lock(tmp_path, owner)
    code, printed = run(tmp_path)
    assert code == 1 and "`snakemake --unlock` removes the lock" in printed
    if owner and "since" in owner:
        assert f"process {owner['pid']} on {owner['host']}, of {owner['user']}, since" in printed
    assert locks.is_dir()


def test_every_lock_must_have_a_dead_owner(tmp_path, sleeper):
    """Two runs may share a folder, on different files."""
    locks = lock(tmp_path, dead_process(), 0)
    lock(tmp_path, None, 1)  # it is just starting
    assert "has not said who it is" in run(tmp_path)[1]
    lock(tmp_path, unlock.describe(sleeper.pid), 1)
    assert f"process {sleeper.pid}" in run(tmp_path)[1]
    assert len(list(locks.iterdir())) == 8


def test_a_run_signs_its_lock_with_itself(tmp_path):
    locks = lock(tmp_path, None)
    unlock.sign(locks.glob("*.lock"))
    code, printed = run(tmp_path)
    assert code == 1 and f"(process {os.getpid()} on {HERE['host']}" in printed
