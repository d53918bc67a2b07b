"""How much memory a job may take: given its control groups, Slurm, and other jobs."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from basemodel.run import memory

GIB = 2**30


def group(folder, version, limit, used, droppable):
    folder.mkdir(parents=True, exist_ok=True)
    if version == 2:
        files = {"memory.max": limit, "memory.current": used}
        stat = f"anon 5\ninactive_file {droppable}\n"
    else:
        files = {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": used}
        stat = f"inactive_file 1\ntotal_inactive_file {droppable}\n"
    for name, value in files.items():
        (folder / name).write_text(f"{value}\n")
    (folder / "memory.stat").write_text(stat)


def process(tmp_path, path, root, version):
    """What /proc/self says of a process in a group, of a hierarchy mounted from `root` on."""
    mounted = tmp_path / "groups"
    mounted.mkdir(exist_ok=True)
    folder = tmp_path / "self"
    folder.mkdir()
    controllers, kind = ("", "cgroup2") if version == 2 else ("cpu,memory", "cgroup")
    options = "rw" if version == 2 else "rw,cpu,memory"
    (folder / "cgroup").write_text(f"9:devices:/elsewhere\n3:{controllers}:{path}\n")
    (folder / "mountinfo").write_text(
        f"22 1 8:1 / / rw - ext4 /dev/sda rw\n35 31 0:32 {root} {mounted} rw - {kind} x {options}\n"
    )
    return folder, mounted


@pytest.mark.parametrize("version", [1, 2])
def test_every_limit_up_to_the_root_counts(tmp_path, version):
    me, groups = process(tmp_path, "/slurm/job_7/step_0", "/", version)
    none = "max" if version == 2 else 9223372036854771712
    group(groups / "slurm", version, 60 * GIB, 50 * GIB, 2 * GIB)
    group(groups / "slurm/job_7", version, 16 * GIB, 6 * GIB, 5 * GIB)
    group(groups / "slurm/job_7/step_0", version, none, 1, 0)
    left = [bytes_ for bytes_ in memory.left_in_groups(me) if bytes_ < 2**60]
    assert left == [15 * GIB, 12 * GIB]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("path", "root"), [
    ("/docker/abc", "/docker/abc"), ("/", "/"), ("/../..", "/"), ("/docker/abc", "/"),
])  # fmt: skip
def test_in_a_container_its_own_limit_is_found(tmp_path, version, path, root):
    me, groups = process(tmp_path, path, root, version)
    group(groups, version, 4 * GIB, GIB, 0)
    assert list(memory.left_in_groups(me)) == [3 * GIB]


def test_a_system_without_groups_has_no_limits(tmp_path):
    assert list(memory.left_in_groups(tmp_path)) == []
    me, _ = process(tmp_path, "/a/b", "/", 2)
    assert list(memory.left_in_groups(me)) == []


def test_what_slurm_gave():
    assert list(memory.given({})) == []
    assert list(memory.given({"SLURM_MEM_PER_NODE": "0"})) == []
    assert list(memory.given({"SLURM_MEM_PER_NODE": "4000"})) == [4000 * 2**20]
    per_cpu = {"SLURM_MEM_PER_CPU": "2000", "SLURM_CPUS_ON_NODE": "4"}
    assert list(memory.given(per_cpu)) == [8000 * 2**20]


def test_jobs_that_start_together_count_the_memory_once(monkeypatch):
    available = psutil.virtual_memory()._replace(available=64 * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: available)
    monkeypatch.setattr(memory, "left_in_groups", lambda process: [])
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(8))
    for name in ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE"):
        monkeypatch.delenv(name, raising=False)
    assert 8 * memory.free(1) == 4 * memory.free(2) == memory.free(8) == memory.free(99) == 64 * GIB
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "16384")
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "4")
    assert 4 * memory.free(1) == memory.free(4) == 16 * GIB


@pytest.fixture
def limited():
    """A real control group of 500 MB, as a batch system makes one."""
    for base, limit in (
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"),
    ):  # fmt: skip
        folder = Path(base, f"test-{os.getpid()}")
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / limit).write_text("500000000")
            yield folder
            return
        except OSError:
            continue
        finally:
            folder.rmdir()
    pytest.skip("no right to make a control group with a limit")


def test_a_real_limit_is_seen(limited):
    code = (
        f"open('{limited}/cgroup.procs', 'w').write('0')\n"
        "import psutil\nfrom basemodel.run import memory\n"
        "print(psutil.virtual_memory().available, memory.free(10_000))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    host, ours = map(int, run.stdout.split())
    assert ours <= 500_000_000 < host
