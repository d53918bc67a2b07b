"""Snakemake executor plugin: Python scripts run in processes forked from one that has imported."""

from snakemake.executors.local import Executor, common_settings

__all__ = ["Executor", "common_settings"]
