"""DAGs without Snakemake, and a clock to run them by."""

import heapq
import random
from types import SimpleNamespace

from snakemake_interface_scheduler_plugins.interfaces.dag import DAGSchedulerInterface
from snakemake_interface_scheduler_plugins.tests import DummyJob


class Job(DummyJob):
    """A job whose one output has its name; `needs`: names of jobs whose output it uses."""

    def __init__(self, name, needs=(), *, priority=0, seconds=1, fails=0, **resources):
        super().__init__(list(needs), [name], {"_cores": 1, "_job_count": 1, **resources})
        self.name, self.seconds, self.fails = name, seconds, fails
        self._priority = priority

    @property
    def priority(self):
        return self._priority

    def reset_params_and_resources(self):
        pass

    def __repr__(self):
        return self.name


class Dag(DAGSchedulerInterface):
    """What the scheduler uses of Snakemake's DAG, and of its workflow."""

    def __init__(self, *jobs, **limits):
        self.jobs = {job.name: job for job in jobs}
        self.done = set()
        self.limits = {"_cores": 1, **limits}
        self._ready_jobs = set(self.ready())
        self.workflow = SimpleNamespace(
            scheduler=SimpleNamespace(
                resources={**self.limits, "_job_count": 10**9}, running=set(), job_rate_limiter=None
            )
        )

    def needrun_jobs(self):
        jobs = [job for job in self.jobs.values() if job not in self.done]
        return random.sample(jobs, len(jobs))  # Snakemake keeps them in a set

    def job_dependencies(self, job):
        return {self.jobs[name] for name in job.input if name in self.jobs}

    def finished(self, job):
        return job in self.done

    def ready(self):
        return [
            job
            for job in self.jobs.values()
            if job not in self.done and self.job_dependencies(job) <= self.done
        ]


def rounds(dag, scheduler):
    """Run all jobs as Snakemake would; yields after each choice: ready, running, started, free."""
    state = dag.workflow.scheduler
    ends, now, number = [], 0, 0
    while True:
        started = []
        if shown := set(dag._ready_jobs) if type(dag._ready_jobs) is set else list(dag._ready_jobs):
            started = scheduler.select_jobs(shown, [], state.resources, {})
        ready = set(dag.ready()) - state.running
        for job in started:
            number += 1
            heapq.heappush(ends, (now + job.seconds, number, job))
            state.running.add(job)
            for name in dag.limits:
                state.resources[name] -= job.scheduler_resources.get(name, 0)
        dag._ready_jobs -= set(started)
        yield ready, set(state.running), started, {n: state.resources[n] for n in dag.limits}
        if not ends:
            return
        now, _, job = heapq.heappop(ends)
        state.running.remove(job)
        for name in dag.limits:
            state.resources[name] += job.scheduler_resources.get(name, 0)
        if job.fails:
            job.fails -= 1
            dag._ready_jobs.add(job)
            continue
        before = set(dag.ready())
        dag.done.add(job)
        for follower in set(dag.ready()) - before:
            dag._ready_jobs.add(follower)


def started(dag, scheduler):
    """The names of all jobs, in the order in which they start."""
    return [job.name for _, _, jobs, _ in rounds(dag, scheduler) for job in jobs]
