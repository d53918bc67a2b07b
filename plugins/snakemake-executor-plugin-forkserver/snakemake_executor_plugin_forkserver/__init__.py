"""Snakemake executor plugin: Python scripts are forked from a process that has imported already.

See README.md beside this file.
"""

from snakemake.executors.local import common_settings

from .executor import Executor, ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]
