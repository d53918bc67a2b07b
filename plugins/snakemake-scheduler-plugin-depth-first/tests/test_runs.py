"""Small workflows under the real Snakemake: the order of starts, and that no run gets stuck."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

PACKAGES = Path(__file__).resolve().parents[1]
# Each job writes when it begins and ends.
PROLOGUE = """
def do(name, seconds=0):
    return f'echo "+ {name}" >> trace; sleep {seconds}; echo "- {name}" >> trace; touch {{output}}'
"""


@pytest.fixture
def run(tmp_path):
    """Run a workflow; returns its exit code, its output and the trace, a line a start or an end."""

    def run(snakefile, *arguments, cores=2, before=""):
        (tmp_path / "Snakefile").write_text(PROLOGUE + snakefile)
        (tmp_path / "trace").write_text("")
        start = (
            f"{before}\nimport sys; from snakemake.cli import main; sys.exit(main(sys.argv[1:]))"
        )
        command = [sys.executable, "-c", start, "--profile", "none", "--cores", str(cores)]
        done = subprocess.run(
            [*command, "--scheduler", "depth-first", "--nocolor", *arguments],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": f"{PACKAGES}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            },
            capture_output=True,
            text=True,
            timeout=600,  # a machine may be busy with other work
        )
        return (
            done.returncode,
            done.stdout + done.stderr,
            (tmp_path / "trace").read_text().split("\n"),
        )

    return run


def starts(trace):
    return [line[2:] for line in trace if line.startswith("+")]


MODELS = """
rule all:
    input: "table", "report"
rule data:
    output: "data/{d}"
    wildcard_constraints: d="[xy]"
    shell: do("data-{wildcards.d}")
rule source:
    output: "source"
    shell: do("source")
rule model:
    input: "source"
    output: "model/{m}"
    shell: do("model-{wildcards.m}")
rule long:
    input: "source"
    output: "long"
    priority: 1
    shell: do("long")
rule report:
    input: "long"
    output: "report"
    shell: do("report")
rule try_:
    input: "model/{m}", "data/{d}"
    output: "try/{m}/{d}"
    shell: do("try-{wildcards.m}-{wildcards.d}")
rule table:
    input: expand("try/{m}/{d}", m=[1, 2, 3, 10], d=["x", "y"])
    output: "table"
    shell: do("table")
"""


JOBS = 18


def test_one_model_after_another_when_what_they_share_is_there(run):
    code, output, trace = run(MODELS, cores=1)
    assert code == 0, output
    models = [f"{kind}-{m}{d}" for m in (2, 3, 10)
              for kind, d in (("model", ""), ("try", "-x"), ("try", "-y"))]  # fmt: skip
    first = ["source", "long", "report", "model-1", "data-x", "try-1-x", "data-y", "try-1-y"]
    assert starts(trace) == [*first, *models, "table"]


LIMITS = """
rule all:
    input: expand("gpu/{i}", i=range(4)), expand("cpu/{i}", i=range(40)), "wide"
rule gpu:
    output: "gpu/{i}"
    priority: 2
    resources: gpu=1
    shell: do("gpu-{wildcards.i}", 0.3)
rule cpu:
    output: "cpu/{i}"
    shell: do("cpu-{wildcards.i}", 0.05)
rule wide:
    output: "wide"
    priority: 1
    threads: 2
    shell: do("wide")
"""


def test_resources_are_respected_and_snakemake_looks_at_few_jobs(run):
    # All cpu jobs together take longer than one gpu job, however fast the machine is: without that,
    # they are done before anything is kept for the wide job.
    code, output, trace = run(LIMITS, "--resources", "gpu=1", "--verbose")
    assert code == 0, output
    running = {"gpu": 0, "cpu": 0, "wide": 0}
    together = set()
    for sign, name in (line.split() for line in trace if line):
        running[name.split("-")[0]] += 1 if sign == "+" else -1
        assert running["gpu"] <= 1 and sum(running.values()) <= 2
        assert not running["wide"] or sum(running.values()) == 1
        together.add((running["gpu"], running["cpu"]))
    assert (1, 1) in together
    assert starts(trace).index("wide") < 44, "overtaken by all others"
    ready = [int(number) for number in re.findall("Ready jobs: ([0-9]+)", output)]
    assert 0 < max(ready) <= 7


FAILING = """
rule all:
    input: "end", expand("good/{i}", i=range(5))
rule good:
    output: "good/{i}"
    shell: do("good-{wildcards.i}")
rule again:
    output: "again"
    retries: 2
    resources: mem_mb=lambda wildcards, attempt: 100 * attempt
    shell: "echo '+ again' >> trace; test -e second || {{ touch second; exit 1; }}; touch {output}"
rule bad:
    input: "again"
    output: "bad"
    shell: "test -e mended && touch {output}"
rule end:
    input: "bad", "again"
    output: "end"
    shell: do("end")
"""


def test_retries_and_what_can_still_be_done_after_a_failure(run, tmp_path):
    code, output, trace = run(FAILING, "--keep-going", "--resources", "mem_mb=250")
    assert code == 1
    assert starts(trace).count("again") == 2, output
    assert set(starts(trace)) == {"again", *(f"good-{i}" for i in range(5))}
    (tmp_path / "mended").touch()
    code, output, trace = run(FAILING, "--resources", "mem_mb=250")
    assert code == 0, output
    assert starts(trace) == ["end"]


def test_a_run_ends_at_the_first_failure_if_it_is_not_to_keep_going(run):
    code, output, trace = run(FAILING, cores=1)
    assert code == 1
    assert "end" not in starts(trace)


CHANGING = """
rule all:
    input: "all_parts", "heard", "grouped"
checkpoint split:
    output: directory("parts")
    shell: "echo '+ split' >> trace; mkdir parts; touch parts/1 parts/2 parts/10"
rule part:
    input: "parts/{i}"
    output: "part/{i}"
    shell: do("part-{wildcards.i}")
def parts(wildcards):
    folder = checkpoints.split.get().output[0]
    return expand("part/{i}", i=glob_wildcards(folder + "/{i,[0-9]+}").i)
rule all_parts:
    input: parts
    output: "all_parts"
    shell: do("all_parts")
rule speak:
    output: pipe("spoken")
    shell: "echo words > {output}"
rule listen:
    input: "spoken"
    output: "heard"
    shell: "cat {input} > {output}"
rule grouped_first:
    output: "grouped_first/{i}"
    group: "together"
    shell: do("grouped_first")
rule grouped:
    input: "grouped_first/1", "grouped_first/2"
    output: "grouped"
    group: "together"
    shell: do("grouped")
rule other:
    output: "other/{i}"
    shell: do("other-{wildcards.i}")
"""


def test_checkpoints_pipes_and_groups(run):
    others = [f"other/{i}" for i in range(20)]
    code, output, trace = run(CHANGING, "all", *others)
    assert code == 0, output
    order = starts(trace)
    assert [name for name in order if "part" in name] == [
        "part-1",
        "part-2",
        "part-10",
        "all_parts",
    ]
    assert len(order) == 28


def test_what_can_never_run_is_said_at_once(run):
    """A pipe's two jobs run together."""
    code, output, trace = run(CHANGING, "heard", "other/1", cores=1)
    assert code == 1
    assert "Not enough resources were provided" in output
    assert starts(trace) == []


def test_few_starts_in_a_time_span(run):
    code, output, trace = run(MODELS, "--max-jobs-per-timespan", "9/1s", cores=8)
    assert code == 0, output
    assert len(starts(trace)) == JOBS


def test_other_ways_to_run(run):
    code, output, _ = run(MODELS, "--scheduler-subsample", "1")
    assert code == 0, output
    for way in ("--dry-run", "--touch"):
        code, output, _ = run(MODELS, "--forceall", way)
        assert code == 0, output


OTHER_SET = """
import snakemake.cli
from snakemake.dag import DAG
init = DAG.__init__
def new_init(self, *args, **kwargs):
    init(self, *args, **kwargs)
    self._ready_jobs = type("Jobs", (set,), {})()
DAG.__init__ = new_init
"""
NO_LIST = """
import snakemake.cli
from snakemake.scheduling.job_scheduler import JobScheduler
JobScheduler.remaining_jobs = ()
"""


@pytest.mark.parametrize("change", [OTHER_SET, NO_LIST])
def test_a_snakemake_that_is_made_otherwise_is_warned_of_and_runs(run, change):
    code, output, trace = run(MODELS, before=change)
    assert code == 0, output
    assert "not one that the scheduler plugin depth-first knows" in output
    assert len(starts(trace)) == JOBS
