"""What a job needs of the limited resources, and how many such jobs fit."""

import sys
from collections.abc import Mapping
from typing import Any

from snakemake_interface_scheduler_plugins.interfaces.jobs import JobSchedulerInterface

Need = tuple[tuple[str, Any], ...]  # a name and an amount for each resource


def need_of(job: JobSchedulerInterface, resources: Mapping[str, int]) -> Need:
    """What a job takes of these resources. Jobs with the same need are interchangeable."""
    wanted = job.scheduler_resources
    return tuple((name, wanted[name]) for name in resources if wanted.get(name))


def room_for(need: Need, free: Mapping[str, int]) -> int:
    """How many jobs with this need fit into what is free; sys.maxsize if nothing limits them."""
    fit = sys.maxsize
    for name, amount in need:
        if isinstance(amount, str):  # Snakemake says so, when it is shown the job
            return 0
        fit = min(fit, free[name] // amount)
    return max(fit, 0)
