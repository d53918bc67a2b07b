"""The user's settings: all those of Snakemake's Slurm plugin, and those for bundles."""

from dataclasses import dataclass, field

from snakemake_executor_plugin_slurm import ExecutorSettings as SlurmSettings
from snakemake_interface_common.exceptions import WorkflowError


@dataclass
class ExecutorSettings(SlurmSettings):
    """Snakemake makes a command line option of each field."""

    gpus: int | None = field(
        default=None,
        metadata={
            "help": "Ask for at most this many GPUs at once, whatever is ready to run. The rest "
            "waits in Snakemake, not in Slurm's queue.",
            "type": int,
        },
    )
    cores: int = field(
        default=8,
        metadata={
            "help": "The most cores of a Slurm job whose jobs share a GPU: fewer jobs run at once "
            "than would fit on the GPU if they need more. Set it to the cores that a node of your "
            "cluster has for each GPU.",
            "type": int,
        },
    )
    preload: str | None = field(
        default=None,
        metadata={
            "help": "Modules that each Slurm job imports once, before it runs scripts: the "
            "fork server's option of this name.",
            "type": str,
        },
    )
    status_command: str | None = field(
        default=None,
        metadata={
            "help": "'squeue': never ask sacct. Default: sacct is asked for jobs that squeue no "
            "longer lists.",
            "type": str,
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.array_jobs:
            raise WorkflowError(
                "The executor slurm-bundles submits no job arrays: a Slurm job runs a bundle of "
                "jobs instead. Leave --slurm-bundles-array-jobs away."
            )
        if self.gpus is not None and self.gpus < 1:
            raise WorkflowError("--slurm-bundles-gpus: at least 1, or leave it away.")
        if self.cores < 1:
            raise WorkflowError("--slurm-bundles-cores: at least 1.")
