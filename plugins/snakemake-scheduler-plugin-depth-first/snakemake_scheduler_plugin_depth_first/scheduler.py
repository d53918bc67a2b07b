"""The scheduler: starts jobs in their order, as far as resources go."""

from collections.abc import Mapping, Sequence
from typing import Any

from snakemake_interface_scheduler_plugins.base import SchedulerBase
from snakemake_interface_scheduler_plugins.interfaces.jobs import JobSchedulerInterface

from .needs import STARTS, Need, need_of, room_for
from .order import Order
from .ready import show_the_first

Job = JobSchedulerInterface


class Scheduler(SchedulerBase):
    """Selects each job that fits beside those that come before it in the order.

    So a job may be overtaken by later ones that need less, but not for ever: once all jobs have
    ended that ran when it first did not fit, what it lacks is kept for it when it becomes free.
    """

    def __post_init__(self) -> None:
        self._order = Order(self.dag)
        self._ran: dict[Need, set[Job]] = {}  # when jobs of this need first did not fit
        show_the_first(self.dag, self._order, self.logger)

    def select_jobs(
        self,
        selectable_jobs: Sequence[Job],
        remaining_jobs: Sequence[Job],
        available_resources: Mapping[str, int | str],
        input_sizes: Mapping[Any, int],
    ) -> list[Job]:
        """Return the jobs to start now."""
        free = {name: n for name, n in available_resources.items() if not isinstance(n, str)}
        starts = free.pop(STARTS, len(selectable_jobs))
        selected: list[Job] = []
        short: set[Need] = set()
        self._order.include(selectable_jobs)
        for job in sorted(selectable_jobs, key=self._order.place):
            if len(selected) == starts:
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
        self._ran = {need: jobs for need, jobs in self._ran.items() if need in short}
        return selected

    def _waited_enough(self, need: Need, selected: list[Job]) -> bool:
        """Whether all have ended that ran when jobs of this need first did not fit."""
        workflow = getattr(self.dag, "workflow", None)
        running = set(getattr(getattr(workflow, "scheduler", None), "running", ()))
        if need not in self._ran:
            self._ran[need] = running.union(selected)
            return False
        return self._ran[need].isdisjoint(running)


def keep(need: Need, free: dict[str, int]) -> None:
    """Take a job's need from what is free, which may leave less than nothing.

    One resource after another, up to the first that is lacking, and cores last: no core idles while
    a job waits for a GPU, and what it already could have is not lost again.
    """
    for name, amount in sorted(need, key=lambda item: item[0] == "_cores"):
        free[name] -= amount
        if free[name] < 0:
            return
