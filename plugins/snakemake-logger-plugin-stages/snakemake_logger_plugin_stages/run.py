"""What has happened in this run so far: jobs by stage (rule), their times, what failed."""

import math
from dataclasses import dataclass, field

SMOOTHING_SECONDS = 30  # how far back "jobs at a time" looks


@dataclass
class Stage:
    """All jobs of one rule."""

    name: str
    total: int = 0
    done: int = 0
    failed: int = 0
    running: int = 0
    seconds: float = 0.0  # summed over the jobs that are done

    @property
    def complete(self) -> bool:
        return self.done == self.total

    @property
    def started(self) -> bool:
        return bool(self.done or self.failed or self.running)


@dataclass
class Job:
    stage: Stage
    start: float
    wildcards: dict[str, str]
    logs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        wildcards = ", ".join(f"{name}={value}" for name, value in self.wildcards.items())
        return f"{self.stage.name} ({wildcards})" if wildcards else self.stage.name


@dataclass
class Run:
    """Counts and times; the time is always an argument, so nothing here reads the clock."""

    start: float
    stages: dict[str, Stage] = field(default_factory=dict)
    running: dict[int, Job] = field(default_factory=dict)  # by Snakemake's id
    failed: dict[int, Job] = field(default_factory=dict)
    at_a_time: float = 0.0  # smoothed number of jobs running together
    last_change: float = 0.0

    @property
    def complete(self) -> bool:
        return all(stage.complete for stage in self.stages.values())

    def plan(self, counts: dict[str, int]) -> None:
        """Take Snakemake's job counts, which come in the order in which stages first run.

        The target rule `all` is left out: it has nothing to do.
        """
        for rule, count in counts.items():
            if rule not in ("total", "all"):
                self.stages[rule] = Stage(rule, count)

    def job_started(self, jobid: int, rule: str, wildcards: dict[str, str], now: float) -> None:
        """Note that a job started; one that had failed is being tried again."""
        self._smooth(now)
        if previous := self.failed.pop(jobid, None):
            previous.stage.failed -= 1
        stage = self.stages.setdefault(rule, Stage(rule))
        stage.running += 1
        self.running[jobid] = Job(stage, now, wildcards)
        # A checkpoint adds jobs while the workflow runs.
        stage.total = max(stage.total, stage.done + stage.failed + stage.running)

    def job_ended(self, jobid: int, now: float) -> Job | None:
        """Note that a job is no longer running, for any reason; returns it if it was running."""
        self._smooth(now)
        if job := self.running.pop(jobid, None):
            job.stage.running -= 1
        return job

    def job_finished(self, jobid: int, now: float) -> Job | None:
        if job := self.job_ended(jobid, now):
            job.stage.done += 1
            job.stage.seconds += now - job.start
        return job

    def job_failed(self, jobid: int, logs: list[str], now: float) -> Job | None:
        if job := self.job_ended(jobid, now):
            job.stage.failed += 1
            job.logs = logs
            self.failed[jobid] = job
        return job

    def _smooth(self, now: float) -> None:
        """Update the average number of jobs running together, before that number changes."""
        weight = math.exp(-max(0.0, now - self.last_change) / SMOOTHING_SECONDS)
        self.at_a_time = weight * self.at_a_time + (1 - weight) * len(self.running)
        self.last_change = now

    def seconds_left(self, stage: Stage, now: float) -> float | None:
        """The time left for a stage at the present number of jobs at a time.

        None until one of its jobs is done, because until then the time per job is unknown.
        """
        if stage.complete:
            return 0.0
        if not stage.done:
            return None
        mean = stage.seconds / stage.done
        waiting = stage.total - stage.done - stage.failed - stage.running
        ages = (now - job.start for job in self.running.values() if job.stage is stage)
        work = waiting * mean + sum(max(0.0, mean - age) for age in ages)
        return work / max(1.0, self.at_a_time)

    def all_seconds_left(self, now: float) -> tuple[float, bool]:
        """The sum over stages, and whether it is only a lower bound."""
        left = [self.seconds_left(stage, now) for stage in self.stages.values()]
        return sum(seconds or 0.0 for seconds in left), None in left

    def all_jobs(self) -> Stage:
        """All stages together."""
        stages = self.stages.values()
        sums = {
            number: sum(getattr(stage, number) for stage in stages)
            for number in ("total", "done", "failed", "running", "seconds")
        }
        return Stage("all jobs", **sums)
