"""Run a rule's script as Snakemake does, in a process of its own that a test can kill."""

import multiprocessing
import os
import runpy
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from snakemake.iocontainers import InputFiles, OutputFiles, Params, Wildcards

from basemodel.run.provenance import fingerprint
from basemodel.run.records import ordered

# Names that are allowed where a script loads modules by name; the script need not load them.
LOADED = (
    "basemodel.metrics.S1", "basemodel.data.kinds.folder", "basemodel.report.figures.figure2",
    "basemodel.models.architectures.alexnet",
)  # fmt: skip
CONFIG = {"models": [], "images": None, "results": "results"}
SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"


@cache
def code_of(script):
    """The parameter `code` of a script's rule: it runs."""
    return fingerprint(script, *LOADED)


def start(script, log, **job):
    """Start a script in a new process; `job`: input, output, params, wildcards and config.

    The processes are forked from one that has imported torch, as in a real run.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["torch", "torch._dynamo", "basemodel.training.finetuning", "jobs"]
    )
    process = context.Process(target=_run, args=(script, str(log), job))
    process.start()
    return process


def run(script, **job):
    """Run a script in this process; `job` as in `start`, and threads.

    Its files may be paths. `params` are the settings; `code` is added, unless they name one, and
    `config` says CONFIG and `runtime.device: auto`, unless it says otherwise. Without
    resources, the job asks for no GPU.
    """
    kinds = {"input": InputFiles, "output": OutputFiles, "params": Params, "wildcards": Wildcards}
    settings = dict(job.get("params", {}))
    code = settings.pop("code", None) or code_of(script)
    job["params"] = {"code": code, "settings": ordered(**settings)}
    values = {name: _named(kind, job.get(name, {})) for name, kind in kinds.items()}
    config = job.get("config", {})
    runtime = {"device": "auto", **config.get("runtime", {})}
    snakemake = SimpleNamespace(
        config={**CONFIG, **config, "runtime": runtime},
        threads=job.get("threads", 1),
        resources=job.get("resources", {"gpu": 0}),
        **values,
    )
    return runpy.run_path(str(SCRIPTS / script), {"snakemake": snakemake}, "__main__")


def _named(kind, values):
    """As Snakemake has it: by name, or a plain list."""
    if isinstance(values, dict):
        return kind(fromdict={name: _text(value) for name, value in values.items()})
    return kind(toclone=[_text(value) for value in values])


def _text(value):
    if isinstance(value, list):
        return [_text(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _run(script, log, job):
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    import torch

    torch.set_num_threads(1)
    run(script, **job)
    sys.stdout.flush()
