"""What a job needs of the resources that are limited, and how often that is there."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from snakemake_interface_scheduler_plugins.interfaces.jobs import JobSchedulerInterface

STARTS = "_job_count"  # not a resource: how many jobs may be started now
Need = tuple[tuple[str, Any], ...]  # a name and an amount for each resource


def need_of(job: JobSchedulerInterface, names: Iterable[str]) -> Need:
    """What a job takes of these resources. Jobs with the same need can replace each other."""
    wanted = job.scheduler_resources
    return tuple((name, wanted[name]) for name in names if wanted.get(name) and name != STARTS)


def room_for(need: Need, free: Mapping[str, int]) -> int:
    """How many jobs of this need fit into what is free; sys.maxsize if nothing holds them back."""
    fit = sys.maxsize
    for name, amount in need:
        if isinstance(amount, str):  # Snakemake says so, when it is shown the job
            return 0
        fit = min(fit, free[name] // amount)
    return max(fit, 0)
