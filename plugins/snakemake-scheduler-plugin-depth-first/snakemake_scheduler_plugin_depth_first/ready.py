"""Shows Snakemake only those of the ready jobs that could be started now.

Each time a job ends, Snakemake goes through all jobs that are ready: it looks at their resources,
asks the file system for the size of all their inputs, lets the scheduler choose; and lists all jobs
that are not done yet. With thousands of jobs that takes longer than most of them. Here the set of
ready jobs, when it is iterated over, yields the first jobs in the order only: of each distinct need
of resources as many as now fit, and one more. To choose among these or among all is the same.
"""

import logging
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import itemgetter

from snakemake.scheduling.job_scheduler import JobScheduler

from .needs import Need, need_of, room_for
from .order import Order, Place

PLACE = itemgetter(0)


def show_the_first(dag, order: Order, logger: logging.Logger) -> None:
    """Make the DAG show the first of its ready jobs only, if this Snakemake has what that needs."""
    known = JobScheduler.__init__.__code__.co_names
    if not (
        type(getattr(dag, "_ready_jobs", None)) is set
        and isinstance(getattr(JobScheduler, "remaining_jobs", None), property)
        and {"resources", "running", "job_rate_limiter"}.issubset(known)
    ):
        logger.warning(
            "This version of Snakemake is not one that the scheduler plugin depth-first knows: "
            "it keeps its order, but the more jobs are ready the longer it takes to choose."
        )
        return
    dag._ready_jobs = ReadyJobs(dag, order, dag._ready_jobs)
    list_remaining = JobScheduler.remaining_jobs.fget
    if list_remaining.__module__ != __name__:
        JobScheduler.remaining_jobs = property(lambda self: Later(lambda: list_remaining(self)))


class ReadyJobs(set):
    """All ready jobs, but iteration yields those only that could be started now."""

    def __init__(self, dag, order: Order, jobs: Iterable) -> None:
        super().__init__(jobs)
        self._dag = dag
        self._order = order
        self._version = None  # of the order by which the queues are sorted
        self._arrivals: list = []
        # Jobs by need, each with its place. One that is no longer in the set is taken out when
        # its turn comes.
        self._queues: dict[Need, list[tuple[Place, object]]] = {}

    def add(self, job) -> None:
        super().add(job)
        self._arrivals.append(job)

    def update(self, *others: Iterable) -> None:
        for job in chain(*others):
            self.add(job)

    def __iter__(self) -> Iterator:
        self._queue_arrivals()
        first = list(self._first())
        if self and not first:  # some have come in a way that is not known here
            self._version = None
            self._queue_arrivals()
            first = list(self._first())
        return iter(first)

    def _queue_arrivals(self) -> None:
        arrivals, self._arrivals = self._arrivals, []
        self._order.include(self.intersection(arrivals))
        if self._version != self._order.version:  # none stands where it stood
            arrivals = list(super().__iter__())
            self._order.include(arrivals)
            self._version = self._order.version
            self._queues.clear()
        limits = self._dag.workflow.scheduler.resources
        for job in sorted(self.intersection(arrivals), key=self._order.place):
            job.reset_params_and_resources()  # as Snakemake does before it looks at them
            entry = (self._order.place(job), job)
            queue = self._queues.setdefault(need_of(job, limits), [])
            at = bisect_left(queue, entry[0], key=PLACE)
            if queue[at : at + 1] != [entry]:  # which is still there if the job is to be retried
                queue.insert(at, entry)

    def _first(self) -> Iterator:
        scheduler = self._dag.workflow.scheduler
        limiter = scheduler.job_rate_limiter
        most = limiter.max_jobs if limiter else sys.maxsize
        for need, queue in list(self._queues.items()):
            count = min(room_for(need, scheduler.resources) + 1, most)  # one that has to wait
            first: list[tuple[Place, object]] = []
            seen = 0
            while seen < len(queue) and len(first) < count:
                if queue[seen][1] in self:
                    first.append(queue[seen])
                seen += 1
            queue[:seen] = first  # without those that were started
            if not queue:
                del self._queues[need]
            yield from (job for _, job in first)


class Later:
    """A list that is made when somebody looks at it."""

    def __init__(self, make: Callable[[], list]) -> None:
        self._make = make

    def __len__(self) -> int:
        return len(self._make())

    def __iter__(self) -> Iterator:
        return iter(self._make())
