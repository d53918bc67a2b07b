"""Snakemake scheduler plugin: depth first, at a cost per job that does not grow with their number.

See README.md beside this package.
"""

from .scheduler import Scheduler

__all__ = ["Scheduler"]
