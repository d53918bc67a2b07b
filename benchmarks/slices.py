"""Jobs a minute of a slice of the default run: real Snakemake runs in a temporary folder.

The slice is the dumps of featuremaps and the fine-tunings of one base model of each architecture on
all targets. The base models are made once, in one epoch: what they have learnt costs nothing.
"""

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from checkouts import ROOT, environment

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SUBSET = "class10-00"
ARCHITECTURES = list(CONFIG["architectures"])
MODELS = [f"results/models/{name}/{SUBSET}.safetensors" for name in ARCHITECTURES]
NEEDED = [
    *MODELS,
    *[f"results/probes/{target}/images.npy" for target in CONFIG["targets"]],
]
JOBS = [
    path
    for target in CONFIG["targets"]
    for name in ARCHITECTURES
    for path in (
        f"results/features/{name}/{SUBSET}/{target}/card.json",
        f"results/finetune/{name}/{SUBSET}/{target}.json",
    )
]
OVERLAY = {
    "results": "results",
    "pretrain": {"epochs": 1, "warmup_epochs": 0},
    "architectures": {name: {"pretrain": {"epochs": 1}} for name in ARCHITECTURES},
}


@dataclass
class Slice:
    """A folder with data and base models, in which the jobs can be run again and again."""

    folder: Path
    cores: int

    def prepare(self) -> None:
        """Make the data and the base models."""
        self._start(NEEDED, {"device": "cpu"}).communicate()
        missing = [path for path in NEEDED if not (self.folder / path).exists()]
        if missing:
            raise RuntimeError(f"{missing[0]} was not made: {self.said()}")

    def run(self, **runtime: object) -> tuple[float, int]:
        """Jobs a minute with these settings of `runtime`, from the first job's start to the last
        one's end, and the most bytes of the first GPU that were in use meanwhile."""
        for part in ("features", "finetune", "logs"):
            shutil.rmtree(self.folder / "results" / part, ignore_errors=True)
        gpu = torch.cuda.is_available()
        before = least = torch.cuda.mem_get_info()[0] if gpu else 0
        process, began = self._start(JOBS, runtime), None
        while process.poll() is None:
            if began is None and next((self.folder / "results").glob("logs/f*/**/*.log"), None):
                began = time.time()
            if gpu:
                least = min(least, torch.cuda.mem_get_info()[0])
            time.sleep(0.01)
        made = [self.folder / path for path in JOBS]
        if process.returncode or began is None:
            raise RuntimeError(f"the slice failed: {self.said()}")
        ended = max(path.stat().st_mtime for path in made)
        return 60 * len(made) / (ended - began), before - least

    def said(self) -> str:
        """The end of what Snakemake printed."""
        return (self.folder / "log").read_text()[-2000:]

    def _start(self, targets: list[str], runtime: dict[str, object]) -> subprocess.Popen:
        settings = self.folder / "settings.yaml"
        settings.write_text(yaml.safe_dump({**OVERLAY, "runtime": runtime}))
        command = [
            sys.executable, "-m", "snakemake", "--cores", str(self.cores),
            "--directory", str(self.folder), "--configfile", str(settings), "--", *targets,
        ]  # fmt: skip
        with (self.folder / "log").open("w") as log:
            return subprocess.Popen(
                command, cwd=ROOT, env=environment(), stdout=log, stderr=subprocess.STDOUT
            )
