"""A small workflow of three stages, and Snakemake's command line to run it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# A shell lets what it starts in the background ignore Ctrl-C, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

SNAKEFILE = """
logger.info("Results: out/", extra={"results": "out/"})

rule all:
    input: expand("out/third/{i}", i=range(3))

rule first:
    output: "out/first/{i}"
    shell: "sleep 0.2; touch {output}"

rule second:
    input: lambda w: f"out/first/{int(w.i) % 4}"
    output: "out/second/{i}"
    log: "logs/second/{i}.log"
    params: bad=config.get("bad", -1)
    shell:
        "seq 1 20 > {log}; printf '\\\\033[31mValueError: bad value\\\\n' >> {log};"
        " test {wildcards.i} -ne {params.bad}; touch {output}"

rule third:
    input: lambda w: [f"out/second/{4 * int(w.i) + k}" for k in range(4)]
    output: "out/third/{i}"
    params: version=config.get("version", 1)
    shell: "touch {output}"

rule python:
    output: "out/run"
    run:
        from pathlib import Path
        Path(output[0]).touch()

rule forgets:
    output: "out/forgotten"
    shell: "true"

rule fails:
    output: "out/fails"
    shell: "exit 3"

rule slow:
    output: "out/slow/{i}"
    shell: "sleep 30; touch {output}"
"""

PROFILE = """
cores: 2
latency-wait: 0
rerun-triggers: [mtime, params]
logger: stages
"""


class Workflow:
    """A folder with the workflow in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "profile").mkdir()
        (folder / "profile" / "config.yaml").write_text(PROFILE)
        (folder / "Snakefile").write_text(SNAKEFILE)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--profile", "profile", *arguments]

    def environment(self) -> dict[str, str]:
        own = {k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"}
        return {**own, "TERM": "xterm"}

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake with its output in pipes."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,  # a machine may be busy with other work
        )


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    return Workflow(tmp_path)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory):
    """The workflow after a run, and what that run printed; tests of it change no files."""
    workflow = Workflow(tmp_path_factory.mktemp("done"))
    return workflow, workflow.snakemake("all", "out/run")
