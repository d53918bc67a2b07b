"""What goes wrong on a cluster: refused requests, ends of runs, a controller that is away."""

import os
import shutil
import signal

import pytest
from slurm_cluster import wait_for

pytestmark = pytest.mark.full


def test_an_unknown_partition_is_said_at_once_by_slurm(small):
    code, printed = small.run(
        "--retries",
        "3",
        "--default-resources",
        "slurm_partition=nowhere",
        "slurm_account=someone",
        "runtime=5",
    )
    assert code == 1
    assert printed.count("invalid partition specified: nowhere") == 1  # it is not tried again
    assert "-p nowhere" in printed and "-A 'someone'" in printed
    assert "Traceback" not in printed
    assert small.jobs() == []


def test_a_request_that_no_node_meets_is_said_at_once_and_the_rest_goes_on(small):
    code, printed = small.run(
        "--retries", "3", "--set-resources", "tune:mem_mb=900000 if wildcards.base == 'a' else 100"
    )
    assert code == 1
    assert "Requested node configuration is not available" in printed
    assert "--mem 900000" in printed
    done = small.records()
    assert len(done) == 4 + 3 * 3
    assert small.jobs() == []


def test_a_refusal_while_no_other_job_is_under_way_does_not_end_the_run(small):
    code, printed = small.run(
        "out/a-x.json", "out/b.json", "--prioritize", "out/a-x.json", "--jobs", "1",
        "--set-resources", "tune:mem_mb=900000",
    )  # fmt: skip
    assert code == 1
    assert "Requested node configuration is not available" in printed
    assert small.records().keys() == {"a", "b"}


def test_ctrl_c_cancels_what_was_submitted(small):
    process = small.start("--config", "train=1000")
    small.wait_for(*(f"out/{base}.json.runs" for base in "abcd"))
    assert len(small.jobs()) == 4
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 1, printed
    assert small.jobs() == []  # not even one that is about to end
    assert "Traceback" not in printed


def test_a_killed_snakemake_and_a_second_start_never_run_a_job_twice_at_once(small):
    (small.folder / "hold").touch()  # their jobs do not end while this is there
    first = small.start()
    small.wait_for("out/a.json.runs")
    first.kill()
    first.wait()
    ids = small.jobs()
    assert ids

    code, printed = small.run("--unlock")
    assert code == 0, printed
    code, printed = small.run()
    assert code == 1
    assert all(id in printed.split("scancel")[1].split() for id in ids), printed
    assert small.jobs() == ids  # no more of them, and no less

    # Left to their end they count.
    (small.folder / "hold").unlink()
    wait_for(lambda: small.jobs() == [], 300)
    code, printed = small.run()
    assert code == 0, printed
    records = small.records()
    assert all(record["runs"] == 1 for record in records.values())
    assert {records[base]["job"] for base in "abcd"} >= set(ids)


def test_a_controller_that_is_away_for_a_while(small):
    process = small.start("--config", "train=5")
    small.wait_for("out/a.json.runs")
    small.cluster.stop_controller()
    logs = small.folder / ".snakemake/log"
    wait_for(lambda: any("not answer" in log.read_text() for log in logs.iterdir()), 300)
    assert process.poll() is None
    small.cluster.start_controller()
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 0, printed
    assert all(record["runs"] == 1 for record in small.records().values())
    assert "Slurm does not answer" in printed


def test_a_limit_of_submitted_jobs_is_waited_out(small):
    """The cluster has accounts with such a limit no more than this machine: sbatch says it."""
    path = small.stand_in(
        "sbatch",
        """
if [ $(squeue --noheader | wc -l) -ge 1 ]; then
    echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2
    echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy \
(job submit limit, user's size and/or time limits)" >&2
    exit 1
fi
exec $real "$@"
""",
    )
    code, printed = small.run(*(f"out/{base}.json" for base in "abcd"), PATH=path)
    assert code == 0, printed
    assert "QOSMaxSubmitJobPerUserLimit" in printed
    assert all(record["runs"] == 1 for record in small.records().values())


def test_a_submission_that_slurm_took_but_did_not_confirm_runs_once(small):
    path = small.stand_in(
        "sbatch",
        """
$real "$@" || exit 1
if mkdir once; then
    echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
    exit 1
fi
""",
    )

    def states():
        return sorted(state for _, state in every_job(small))

    (small.folder / "hold").touch()  # neither is done before one is cancelled
    process = small.start("out/a.json", PATH=path)
    wait_for(lambda: "CANCELLED" in states(), 300)
    (small.folder / "hold").unlink()
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 0, printed
    assert "Socket timed out" in printed
    assert states() == ["CANCELLED", "COMPLETED"]


# squeue forgets a job as soon as it has ended.
FORGETS = '[ "$2" = --states=all ] && shift 2; exec $real --noheader "$@"'


def test_a_job_that_slurm_has_forgotten_counts_if_its_output_is_complete(small):
    path = small.stand_in("squeue", FORGETS)
    code, printed = small.run("out/a.json", "--retries", "1", PATH=path)
    assert code == 0, printed
    assert small.records()["a"]["runs"] == 1
    assert [state for _, state in every_job(small)] == ["COMPLETED"]


def test_an_end_in_the_accounts_counts_when_slurm_has_forgotten_the_job(small):
    small.stand_in("squeue", FORGETS)
    path = small.stand_in(
        "sacct",
        """
squeue=$(PATH=${PATH#*:} which squeue)
exec $squeue --noheader --states=all --format='%i|%T by someone'
""",
    )
    code, printed = small.run("out/a.json", "--config", "fails={a: 1}", "--retries", "1", PATH=path)
    assert code == 0, printed
    (failed, _), (again, _) = every_job(small)
    assert f"Slurm job {failed} has ended as FAILED" in printed
    assert small.records()["a"]["job"] == again


def test_a_job_that_slurm_no_longer_knows_is_gone_before_it_runs_again(small):
    """squeue hides the first job, and sbatch notes which jobs there are when it is called."""
    small.stand_in(
        "squeue",
        """
case "$*" in *--states=all*) $real "$@" | grep -v "^$(cat hidden)|"; exit 0 ;; esac
exec $real "$@"
""",
    )
    path = small.stand_in(
        "sbatch",
        """
PATH=${PATH#*:} squeue --noheader --format='%i %Z' | grep "$PWD$" >> beside
exec $real "$@"
""",
    )
    (small.folder / "hidden").write_text("none")
    (small.folder / "hold").touch()
    process = small.start("out/a.json", "--retries", "1", PATH=path)
    small.wait_for("out/a.json.runs")
    (first,) = small.jobs()
    (small.folder / "hidden").write_text(first)
    wait_for(lambda: small.jobs() != [first], 60)
    (small.folder / "hold").unlink()
    printed, _ = process.communicate(timeout=100)
    assert process.returncode == 0, printed
    assert f"Slurm no longer knows job {first}" in printed and "REVOKED" not in printed
    assert [row[1] for row in every_job(small)] == ["CANCELLED", "COMPLETED"]
    assert small.records()["a"]["runs"] == 2
    assert (small.folder / "beside").read_text() == ""


def test_a_job_of_another_cluster_is_refused(small):
    """Its states are not asked for there: it would be taken to be gone, and run twice."""
    path = small.stand_in(
        "sbatch",
        """
for argument; do
    shift
    case $argument in --clusters|other) ;; *) set -- "$@" "$argument" ;; esac
done
exec $real "$@"
""",
    )
    code, printed = small.run(
        "out/a.json", "--set-resources", "train:slurm_cluster=other", PATH=path
    )
    assert code == 1
    assert "slurm_cluster=other: this executor knows only the cluster" in printed
    assert every_job(small) == []


def every_job(small) -> list[list[str]]:
    """The id and the state of each job that the workflow has had, in their order."""
    rows = small.cluster.jobs("%i", "%T", "%Z", states="--states=all")
    mine = [[id, state] for id, state, at in rows if at == str(small.folder)]
    return sorted(mine, key=lambda row: int(row[0]))


def test_where_there_is_no_slurm(small):
    bin = small.folder / "bin"
    bin.mkdir()
    for name in ("sh", "bash", "which"):
        (bin / name).symlink_to(shutil.which(name))
    code, printed = small.run("out/a.json", PATH=str(bin))
    assert code == 1
    assert "login node" in printed
    assert "Traceback" not in printed
