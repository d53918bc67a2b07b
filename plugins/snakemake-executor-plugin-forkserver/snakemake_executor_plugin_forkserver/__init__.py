"""Snakemake executor plugin: Python scripts are forked from a process with imports done.

See README.md in the folder above.
"""

from snakemake.executors.local import common_settings

from .executor import Executor, ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]
