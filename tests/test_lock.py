"""Who owns a lock, whether the owner is alive, and that the lock stays if in doubt."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from basemodel.run import lock as module

ROOT = Path(__file__).parents[1]
HERE = module.describe()
ELSEWHERE = {"host": "node7", "machine": "m7", "boot": "b7"}
SIGN = """
import sys, time
from pathlib import Path
from basemodel.run import lock
lock.sign(Path(sys.argv[1]).glob("{number}.*.lock"))
print("signed", flush=True)
time.sleep(600)
"""


def lock(folder, number=0, owner=None):
    """What Snakemake leaves; unsigned, or signed by an owner that never held its signature."""
    locks = folder / module.LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    for kind in ("input", "output"):
        (locks / f"{number}.{kind}.lock").write_text("results/a\n")
        if owner is not None:
            (locks / f"{number}.{kind}.lock.owner").write_text(json.dumps(owner))
    return locks


@pytest.fixture
def runs():
    """Starts processes that have signed their locks."""
    started = []

    def start(folder, number=0):
        locks = lock(folder, number)
        command = [sys.executable, "-c", SIGN.format(number=number), locks]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == "signed\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def killed(process):
    process.kill()
    process.wait()


def owner_of(folder):
    return json.loads((folder / module.LOCKS / "0.input.lock.owner").read_text())


def is_dead(folder, **changes):
    """Of the owner of a lock, with what is changed."""
    with (folder / module.LOCKS / "0.input.lock.owner").open("r+") as signature:
        return module.is_dead({**json.load(signature), **changes}, signature)


def run(folder):
    """What `make run` and `make rank` start first: the exit code and what it printed."""
    command = [sys.executable, ROOT / "workflow/scripts/unlock.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert len((done.stdout + done.stderr).splitlines()) <= 1, done.stderr
    return done.returncode, done.stdout + done.stderr


def make(folder, target, *arguments):
    """Run make where all is installed, and snakemake only says that it was called."""
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "workflow").symlink_to(ROOT / "workflow")
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


def test_no_lock_no_word(tmp_path):
    assert run(tmp_path) == (0, "")
    (tmp_path / module.LOCKS).mkdir(parents=True)
    assert run(tmp_path) == (0, "")


def test_the_lock_of_a_dead_run_is_removed(tmp_path, runs):
    killed(runs(tmp_path))
    code, printed = run(tmp_path)
    assert code == 0 and "its lock is removed" in printed
    assert list((tmp_path / module.LOCKS).iterdir()) == []
    assert run(tmp_path) == (0, "")


@pytest.mark.parametrize("command", [("run",), ("rank", "IMAGES=photos")])
def test_make_removes_it_before_a_run(tmp_path, command, runs):
    killed(runs(tmp_path))
    code, printed = make(tmp_path, *command)
    assert code == 0 and "snakemake starts" in printed
    assert list((tmp_path / module.LOCKS).iterdir()) == []

    shutil.rmtree(tmp_path / ".venv")
    (tmp_path / "workflow").unlink()
    runs(tmp_path)
    code, printed = make(tmp_path, *command)
    assert code != 0 and "snakemake starts" not in printed
    assert len(list((tmp_path / module.LOCKS).iterdir())) == 4


def test_a_live_run_keeps_its_lock_wherever_it_works_and_whatever_it_is_called(tmp_path, runs):
    process = runs(tmp_path)
    code, printed = run(tmp_path)
    assert code == 1 and f"running here already (process {process.pid} on {HERE['host']}" in printed
    assert len(list((tmp_path / module.LOCKS).iterdir())) == 4


def test_a_process_that_is_called_snakemake_does_not_matter(tmp_path, runs):
    called = subprocess.Popen(["bash", "-c", "exec -a snakemake sleep 600"], cwd=tmp_path)
    try:
        while b"snakemake" not in Path(f"/proc/{called.pid}/cmdline").read_bytes():
            time.sleep(0.01)
        killed(runs(tmp_path))
        assert "its lock is removed" in run(tmp_path)[1]
    finally:
        called.kill()
        called.wait()


def test_a_process_that_a_run_has_started_does_not_keep_its_lock(tmp_path):
    """What it starts may outlive it: the server that jobs are forked from."""
    code = SIGN.format(number=0).replace("time.sleep(600)", "") + (
        "import os, subprocess\n"
        "print(subprocess.Popen(['sleep', '600'], stdout=2).pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, lock(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert "its lock is removed" in run(tmp_path)[1]
    finally:
        os.kill(int(done.stdout.split()[1]), 9)


def test_a_live_run_of_another_user_is_seen_to_live(runs):
    """Whose signature may be read, but not written."""
    if os.geteuid() != 0:
        pytest.skip("no right to be another user")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        runs(Path(folder))
        child = os.fork()
        if child == 0:
            os.setresuid(65534, 65534, 65534)
            try:
                os.chdir(folder)
                module.remove_dead()
            except SystemExit as stopped:
                os._exit("running here already" not in stopped.code)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_number_that_another_process_has_now_is_not_the_owner(tmp_path, runs):
    killed(runs(tmp_path))
    assert is_dead(tmp_path, pid=os.getpid()) is True
    # But what has the owner's number and start lives, although its signature is not held: a server
    # of files may have been restarted.
    assert is_dead(tmp_path, pid=os.getpid(), started=HERE["started"]) is None


def test_a_dead_process_that_nobody_has_waited_for_is_dead(tmp_path, runs):
    process = runs(tmp_path)
    assert is_dead(tmp_path) is False
    process.kill()
    while module._started(process.pid) is not None:
        time.sleep(0.01)
    assert is_dead(tmp_path) is True


@pytest.mark.parametrize(("changes", "dead"), [
    ({}, True),
    ({"boot": "before"}, True),  # a power cut
    ({"boot": "before", "host": "renamed"}, None),
    ({"boot": "before", "machine": "other"}, None),
    ({"boot": "before", "held": None}, True),
    ({"boot": None}, None),
    ({"host": "renamed"}, True),  # the same boot: the same machine, or a container on it
    (ELSEWHERE, None),  # a folder that several machines share
    ({"held": None}, None),  # a file system without flock
    ({"held": [1, 2, 1]}, None),  # a copy of the folder, or another mount of it
    ({"started": None}, None),
])  # fmt: skip
def test_what_can_be_seen_from_here(tmp_path, runs, monkeypatch, changes, dead):
    here = {**HERE, "machine": "this"}
    monkeypatch.setattr(module, "describe", lambda: here)
    process = runs(tmp_path)
    assert is_dead(tmp_path, **{"machine": "this", **changes}) is False  # held: it lives
    killed(process)
    assert is_dead(tmp_path, **{"machine": "this", **changes}) is dead


def test_without_a_machines_id_a_name_is_not_enough(tmp_path, runs, monkeypatch):
    monkeypatch.setattr(module, "describe", lambda: {**HERE, "machine": None})
    killed(runs(tmp_path))
    assert is_dead(tmp_path, machine=None, boot="other") is None


def test_what_another_has_removed_meanwhile_is_left_alone(tmp_path, runs):
    """The lock may be that of the next run."""
    killed(runs(tmp_path))
    path = tmp_path / module.LOCKS / "0.input.lock.owner"
    with path.open("r+") as signature:
        owner = json.load(signature)
        path.unlink()
        assert module.is_dead(owner, signature) is None


def test_where_flock_fails_nothing_is_certain(tmp_path, runs, monkeypatch):
    def flock(*_):
        raise OSError("no locks available")

    killed(runs(tmp_path))
    monkeypatch.setattr(module.fcntl, "flock", flock)
    assert is_dead(tmp_path) is None
    module.sign((tmp_path / module.LOCKS).glob("*.lock"))
    assert owner_of(tmp_path)["held"] is None


@pytest.mark.parametrize("owner", [
    None, "no", {"pid": 1}, {**HERE, **ELSEWHERE}, {**HERE, "held": None},
], ids=["unsigned", "unreadable", "incomplete", "another machine", "no flock"])  # fmt: skip
def test_in_doubt_it_stays_and_the_user_is_told_what_to_do(tmp_path, owner):
    locks = lock(tmp_path, 0, {"held": None, **owner} if type(owner) is dict else owner)
    files = len(list(locks.iterdir()))
    code, printed = run(tmp_path)
    assert code == 1 and "`snakemake --unlock` removes the lock" in printed
    if owner and "since" in owner:
        assert f"process {owner['pid']} on {owner['host']}, of {owner['user']}, since" in printed
    assert len(list(locks.iterdir())) == files


def test_every_lock_must_have_a_dead_owner(tmp_path, runs):
    """Two runs may share a folder, on different files."""
    killed(runs(tmp_path, 0))
    locks = lock(tmp_path, 1)  # it is just starting
    assert "has not said who it is" in run(tmp_path)[1]
    live = runs(tmp_path, 1)
    assert f"process {live.pid}" in run(tmp_path)[1]
    assert sorted(path.name[0] for path in locks.iterdir()) == ["1"] * 4
