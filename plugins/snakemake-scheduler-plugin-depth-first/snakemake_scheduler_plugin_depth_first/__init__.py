"""Snakemake scheduler plugin: depth first, at a cost per job that does not grow with their number.

See README.md in the folder above.
"""

from .scheduler import Scheduler

__all__ = ["Scheduler"]
