"""Snakemake executor plugin: Slurm jobs that each run many of the workflow's jobs.

See README.md in the folder above.
"""

from snakemake_executor_plugin_slurm import common_settings

from .executor import Executor
from .settings import ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]
