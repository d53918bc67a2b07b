"""Snakemake scheduler plugin: depth first, at a cost per job that does not grow with their number.

order.py describes the order; scheduler.py applies it; ready.py keeps each choice cheap.
"""

from .scheduler import Scheduler

__all__ = ["Scheduler"]
