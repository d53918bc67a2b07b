"""The overhead per base model for three ways to run it on Slurm.

Each way runs the same jobs on a cluster on this machine (slurm_cluster.py, from the plugin's
tests): for each base model its pre-training, and for eight targets the featuremaps and the
fine-tuning.

    individual   Snakemake's Slurm plugin, one Slurm job per job
    groups       the same with all 17 jobs of a base model as one of Snakemake's groups
    bundles      profiles/slurm: the pre-training, and then one Slurm job for the other 16

Overhead is the wall time minus that of the same jobs one after another on one core, under this
project's local executor, which adds next to nothing. For one base model it is the overhead of its
chain; several base models share this machine's cores.

Usage: python benchmarks/slurm.py [BASE_MODELS...]     (default: 1; at most 5)
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUNDLES = ROOT / "plugins" / "snakemake-executor-plugin-slurm-bundles"
sys.path[:0] = [str(ROOT / "tests"), str(BUNDLES / "tests")]

import slurm_cluster as slurm  # noqa: E402

from projects import EXPERIMENT, copy_project  # noqa: E402

TARGETS = [
    "greek",
    "cyrillic",
    "armenian",
    "georgian",
    "hebrew",
    "syllabics",
    "operators",
    "digits",
]
OVERLAY = f"""
targets: {TARGETS}
datasets:
{"".join(f"  {name}: {{train: 10, test: 5}}{chr(10)}" for name in TARGETS)}
"""
CHAIN = "{architecture}_{subset}"
SECONDS = 10  # between two queries of the jobs' states
COMMON = ["--jobs", "unlimited", "--max-jobs-per-timespan", "10000/1s", "--latency-wait", "20"]
PLUGIN = [
    "--profile", "none", "--workflow-profile", "none", "--executor", "slurm", *COMMON,
    "--scheduler", "greedy", "--slurm-status-command", "squeue", "--slurm-no-requeue",
    "--slurm-init-seconds-before-status-checks", str(SECONDS), "--slurm-status-attempts", "100",
    "--default-resources", "mem_mb=1000", "runtime=10",
]  # fmt: skip
WAYS = {
    "individual": PLUGIN,
    "groups": [
        *PLUGIN, "--resources", "gpu=1", "--groups",
        *(f"{rule}={CHAIN}" for rule in ("pretrain", "featuremaps", "finetune")),
    ],
    "bundles": [
        "--profile", "slurm",
        "--slurm-bundles-init-seconds-before-status-checks", str(SECONDS),
    ],
}  # fmt: skip


def snakemake(folder: Path, environment: dict[str, str], *arguments: str) -> float:
    """Seconds that a run takes."""
    command = [sys.executable, "-m", "snakemake", "--configfile", EXPERIMENT, "overlay.yaml"]
    began = time.perf_counter()
    run = subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if run.returncode:
        sys.exit(f"{run.stdout}\nsnakemake failed")
    return time.perf_counter() - began


def find_cluster(cluster: slurm.Cluster) -> None:
    """Let the plugin's srun find the cluster: it is called without SLURM_CONF."""
    wrapper = cluster.root / "bin" / "srun"
    wrapper.parent.mkdir()
    conf, srun = cluster.environment["SLURM_CONF"], shutil.which("srun")
    wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {srun} "$@"\n')
    wrapper.chmod(0o755)
    cluster.environment["PATH"] = f"{wrapper.parent}:{cluster.environment['PATH']}"


def measure(cluster: slurm.Cluster, folder: Path, base_models: int) -> None:
    project = copy_project(folder)
    (folder / "overlay.yaml").write_text(OVERLAY)
    local = project.environment()
    environment = {**cluster.environment, "PYTHONPATH": local["PYTHONPATH"]}
    names = [f"class5-{number + 1}" for number in range(base_models)]
    made = ["finetune", "featuremaps", "models"]
    targets = [
        f"results/smoke/{kind}/alexnet/{name}/{target}.{end}"
        for kind, end in (("finetune", "json"), ("featuremaps", "npy"))
        for name in names
        for target in TARGETS
    ]
    snakemake(folder, local, "--cores", "2", "--", *targets)  # the data sets, kept from here on

    def forget() -> None:
        for kind in made:
            shutil.rmtree(project.results / kind)

    forget()
    alone = snakemake(folder, local, "--cores", "1", "--", *targets)
    print(f"\n{base_models} base models, {17 * base_models} jobs")
    print(f"{'way':12} {'Slurm jobs':>10} {'wall s':>8} {'overhead s':>12}")
    print(f"{'local':12} {'-':>10} {alone:8.0f}")
    seen = set()
    for way, arguments in WAYS.items():
        forget()
        wall = snakemake(folder, environment, *arguments, "--", *targets)
        ids = {row[0] for row in cluster.jobs("%i", states="--states=all")}
        print(f"{way:12} {len(ids - seen):10} {wall:8.0f} {wall - alone:12.0f}", flush=True)
        seen |= ids


def main() -> None:
    if problem := slurm.missing():
        sys.exit(problem)
    with slurm.running() as cluster, tempfile.TemporaryDirectory() as folder:
        find_cluster(cluster)
        for number in [int(word) for word in sys.argv[1:]] or [1]:
            measure(cluster, Path(folder) / str(number), number)


if __name__ == "__main__":
    main()
