"""The scheduler: starts jobs in their order, as far as resources allow."""

from collections.abc import Mapping, Sequence
from typing import Any

from snakemake_interface_scheduler_plugins.base import SchedulerBase
from snakemake_interface_scheduler_plugins.interfaces.jobs import JobSchedulerInterface

from .needs import Need, need_of, room_for
from .order import Order
from .ready import show_the_first

Job = JobSchedulerInterface


class Scheduler(SchedulerBase):
    """Selects each job that fits alongside those that come before it in the order.

    So a job may be overtaken by later ones that need less, but not for ever: once all jobs that
    were running when it first did not fit have ended, resources that it lacks are reserved for it
    as they become free.
    """

    def __post_init__(self) -> None:
        self._order = Order(self.dag)
        self._overtaken: dict[
            Need, set[Job]
        ] = {}  # needs that do not fit, and the jobs running when they first did not
        show_the_first(self.dag, self._order, self.logger)

    def dag_updated(self) -> None:
        """Discard the order. (Snakemake 9 does not call this; a new ready job has this effect.)"""
        self._order.forget()

    def select_jobs(
        self,
        selectable_jobs: Sequence[Job],
        remaining_jobs: Sequence[Job],
        available_resources: Mapping[str, int | str],
        input_sizes: Mapping[Any, int],
    ) -> list[Job]:
        """Return the jobs to start now."""
        free = {name: n for name, n in available_resources.items() if not isinstance(n, str)}
        places = free.pop("_job_count", len(selectable_jobs))  # how many may be started now
        selected: list[Job] = []
        short: set[Need] = set()
        self._order.include(selectable_jobs)
        for job in sorted(selectable_jobs, key=self._order.place):
            if len(selected) == places:
                break
            need = need_of(job, free)
            if need in short:
                continue
            if room_for(need, free):
                selected.append(job)
                for name, amount in need:
                    free[name] -= amount
            else:
                short.add(need)
                if self._waited_enough(need, selected):
                    keep(need, free)
        self._overtaken = {need: ran for need, ran in self._overtaken.items() if need in short}
        return selected

    def _waited_enough(self, need: Need, selected: list[Job]) -> bool:
        """Whether all jobs that were running when this need first did not fit have ended."""
        running = getattr(getattr(self.dag, "workflow", None), "scheduler", None)
        running = set(getattr(running, "running", ()))
        if need not in self._overtaken:
            self._overtaken[need] = running.union(selected)
            return False
        return self._overtaken[need].isdisjoint(running)


def keep(need: Need, free: dict[str, int]) -> None:
    """Subtract a job's need from what is free, which may become negative.

    Goes through the resources up to the first that is short, cores last: no core idles while a job
    waits for a GPU, and what the job could already have is not lost again.
    """
    for name, amount in sorted(need, key=lambda item: item[0] == "_cores"):
        free[name] -= amount
        if free[name] < 0:
            return
