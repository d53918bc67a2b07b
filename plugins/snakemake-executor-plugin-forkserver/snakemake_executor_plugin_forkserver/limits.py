"""Makes Snakemake count GPUs, so that a job that waits for one does not hold cores meanwhile.

Snakemake counts resources under their names, and neither `gpu` nor `gpu_share` alone says what a
job takes. So its scheduler is given one more resource: hundredths of all GPUs of the machine. It
starts jobs as far as there is room on all GPUs together. If that room is spread over several GPUs,
and a job fits on none of them, it is started all the same and waits in the executor with its cores.

Snakemake has no hook for this: executors are made before the scheduler is complete, and jobs say
themselves what they take. Where there is no limit, the replacements only call the originals.
"""

from contextlib import suppress

from snakemake.exceptions import InputFunctionException
from snakemake.jobs import AbstractJob
from snakemake.scheduling.job_scheduler import JobScheduler

from .gpus import WHOLE, Gpus, asked

NAME = "_gpu_share"  # of the resource
_schedule = JobScheduler.schedule
_taken = AbstractJob._get_scheduler_resources


def set_limit(scheduler: JobScheduler, gpus: Gpus | None) -> None:
    """Check what jobs ask for and, given GPUs, limit it to what there is, if that is known.

    Called before the first job starts. Looks for GPUs only if a job of a rule with `gpu` is to run.
    """
    rules = {job.rule: job for job in scheduler.workflow.dag.needrun_jobs()}
    asking = [job for rule, job in rules.items() if "gpu" in rule.resources]
    for job in asking:
        # One job of each rule, for an early error. The others are looked at when they are ready,
        # and so is one whose resources cannot be computed yet.
        with suppress(InputFunctionException):
            asked(job)
    if asking and gpus and (count := gpus.count()):
        scheduler.global_resources[NAME] = scheduler.resources[NAME] = WHOLE * count


def taken(job: AbstractJob) -> int:
    """Hundredths of GPUs that a job takes, or all jobs that a pipe connects."""
    if job.is_group():
        return sum(map(taken, job.jobs))
    count, share = asked(job)
    return count * share


def _schedule_with_limit(scheduler: JobScheduler) -> bool:
    for executor in (scheduler._executor, scheduler._local_executor):
        gpus = getattr(executor, "gpus", None)
        if isinstance(gpus, Gpus):
            # This machine's GPUs say nothing of a cluster's.
            set_limit(scheduler, gpus if scheduler.workflow.local_exec else None)
    return _schedule(scheduler)


def _taken_with_gpus(job: AbstractJob) -> dict[str, int | str]:
    resources = _taken(job)
    limit = getattr(job.dag.workflow.scheduler, "global_resources", {}).get(NAME)
    if limit and NAME not in resources:  # which Snakemake keeps
        resources[NAME] = min(taken(job), limit)  # all that there is, if the job asks for more
    return resources


JobScheduler.schedule = _schedule_with_limit
AbstractJob._get_scheduler_resources = _taken_with_gpus
