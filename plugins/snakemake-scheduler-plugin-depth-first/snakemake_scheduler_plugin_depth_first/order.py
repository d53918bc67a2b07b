"""The order in which a single core would run the jobs, from the DAG alone, in linear time.

1. Depth first: what a job makes ready comes next, before untouched branches.
2. Dependencies come first: a job that still lacks some asks for them. It does so as soon as its
   least shared dependency is done, the one whose files the fewest jobs use. If each model meets
   each data set, and data sets are shared by more jobs than models are, then a model asks for the
   data sets and not the other way round. If several are shared equally little, like the inputs of a
   table, the job asks when nothing else is left to do in the branches already begun.
3. Among several jobs the more urgent comes first, then the one that more jobs wait for, then the
   one with the longest chain of jobs after it, then the first by name of its output. Among
   untouched branches, the longest chain counts before the number of waiting jobs.

A job is as urgent as the highest `priority:` among itself and all jobs that wait for it.
"""

import re
from collections import Counter
from collections.abc import Iterable

from snakemake_interface_scheduler_plugins.interfaces.dag import DAGSchedulerInterface
from snakemake_interface_scheduler_plugins.interfaces.jobs import (
    GroupJobSchedulerInterface,
    JobSchedulerInterface,
    SingleJobSchedulerInterface,
)

Job = SingleJobSchedulerInterface
Place = tuple[float, int]  # the urgency, negative, then the position: the smaller, the earlier
Edges = dict[Job, list[Job]]


class Order:
    """The jobs' places, computed again when a new job is met."""

    def __init__(self, dag: DAGSchedulerInterface) -> None:
        self._dag = dag
        self._places: dict[Job, Place] = {}
        self.version = 0  # how often it was computed

    def include(self, jobs: Iterable[JobSchedulerInterface]) -> None:
        """Make sure that these jobs have a place."""
        new = [member for job in jobs for member in members(job) if member not in self._places]
        if new:
            self.version += 1
            self._places = places(self._dag)
            for member in new:  # jobs that are not in the DAG come last
                self._places.setdefault(member, (-member.priority, len(self._places)))

    def place(self, job: JobSchedulerInterface) -> Place:
        """The place of an included job; a group has the place of its first job."""
        return min(self._places[member] for member in members(job))


def members(job: JobSchedulerInterface) -> list[Job]:
    """The jobs of a group, or the job itself."""
    return list(job) if isinstance(job, GroupJobSchedulerInterface) else [job]


def places(dag: DAGSchedulerInterface) -> dict[Job, Place]:
    """Return the place of each job still to be run. All places differ."""
    jobs = sorted(dag.needrun_jobs(), key=name)
    before: Edges = {job: [] for job in jobs}
    after: Edges = {job: [] for job in jobs}
    for job in jobs:
        for dependency in dag.job_dependencies(job):
            if dependency in before:
                before[job].append(dependency)
                after[dependency].append(job)
    urgency, chain = {}, {}
    for job in reversed(topological(before, after)):
        urgency[job] = max([job.priority, *(urgency[follower] for follower in after[job])])
        chain[job] = 1 + max((chain[follower] for follower in after[job]), default=0)
    jobs.sort(key=lambda job: (-urgency[job], -len(after[job]), -chain[job]))  # stable: then name
    rank = {job: number for number, job in enumerate(jobs)}
    for edges in (before, after):
        for neighbours in edges.values():
            neighbours.sort(key=rank.__getitem__)
    jobs.sort(key=lambda job: (-urgency[job], -chain[job]))
    order = depth_first(jobs, before, after)
    return {job: (-urgency[job], number) for number, job in enumerate(order)}


def name(job: Job) -> list[list[str | int]]:
    """A key that sorts jobs as a person would: by their files, with numbers by value."""
    return [natural(file) for file in list(job.output) or list(job.log) or list(job.input)]


def natural(text: str) -> list[str | int]:
    parts = re.split("([0-9]+)", text)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]


def topological(before: Edges, after: Edges) -> list[Job]:
    """All jobs, each after those that it depends on."""
    missing = {job: len(dependencies) for job, dependencies in before.items()}
    order = [job for job in before if not missing[job]]
    for job in order:  # which grows on the way
        for follower in after[job]:
            missing[follower] -= 1
            if not missing[follower]:
                order.append(follower)
    return order


def least_shared(before: Edges, after: Edges) -> dict[Job, set[Job]]:
    """For each job, the dependencies whose files the fewest jobs use."""
    users = Counter(file for job in before for file in set(job.input))
    maker = {file: job for job in before for file in job.output}
    least = {}
    for job, dependencies in before.items():
        shares = {needed: len(after[needed]) for needed in dependencies}
        for file in job.input:
            if (needed := maker.get(file)) in shares:
                shares[needed] = min(shares[needed], users[file])
        fewest = min(shares.values(), default=0)
        least[job] = {needed for needed, number in shares.items() if number == fewest}
    return least


def depth_first(jobs: Iterable[Job], before: Edges, after: Edges) -> list[Job]:
    """All jobs in their order; ties are broken by the order of the arguments."""
    missing = {job: len(dependencies) for job, dependencies in before.items()}
    passed = dict.fromkeys(before, 0)  # how many of a job's dependencies are known to be done
    askers = least_shared(before, after)
    done: dict[Job, None] = {}
    # The next job is the last one in the first of these lists that is not empty.
    branch: list[Job] = []
    joins: list[Job] = []
    untouched = [job for job in jobs if not missing[job]][::-1]
    while stack := branch or joins or untouched:
        job = stack.pop()
        if job in done:
            continue
        if missing[job]:
            while before[job][passed[job]] in done:
                passed[job] += 1
            stack.append(job)
            branch.append(before[job][passed[job]])
            continue
        done[job] = None
        for follower in reversed(after[job]):
            missing[follower] -= 1
            if not missing[follower] or askers[follower] == {job}:
                branch.append(follower)
            elif job in askers[follower]:
                joins.append(follower)
    return list(done)
