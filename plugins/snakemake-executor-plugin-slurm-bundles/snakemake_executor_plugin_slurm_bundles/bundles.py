"""Which jobs share a Slurm job."""

from collections.abc import Sequence

from snakemake.jobs import GroupJob, Job
from snakemake.resources import Resources, SizedResources


class Bundle(GroupJob):
    """Jobs that are submitted as one.

    Snakemake's group knows what several jobs need together and how long they take one after
    another. Its scheduler does not know of this one: there they are separate jobs.
    """


def bundled(jobs: Sequence[Job | GroupJob]) -> list[Job | GroupJob]:
    """The jobs of one bundle, attempt and place together; each of the others alone."""
    bundles: dict[object, list[Job]] = {}
    for job in jobs:
        if job.is_group() or not job.resources.get("bundle"):
            key: object = job
        else:
            # Partition, account and the like: what is text has to be the same for all, but for
            # sizes, which Snakemake adds as "8 GB" to their numbers.
            words = {k: v for k, v in job.resources.items() if isinstance(v, str)}
            for name in ("tmpdir", *SizedResources):
                words.pop(name, None)
            key = (job.attempt, *sorted(words.items()))
        bundles.setdefault(key, []).append(job)
    made = [members[0] if len(members) == 1 else together(members) for members in bundles.values()]
    return sorted(made, key=lambda job: -job.priority)  # stable: else in the given order


def together(jobs: list[Job]) -> Bundle:
    """One bundle of jobs of the same attempt, with as many cores and GPUs as one of them needs.

    So they run one after another, and the bundle's time is the sum of theirs.
    """
    first = jobs[0]
    limits = Resources(dict(first.dag.workflow.global_resources))
    limits["_cores"] = max(job.threads for job in jobs)
    limits["gpu"] = max(gpus(job) for job in jobs)
    bundle = Bundle(first.resources.bundle, frozenset(jobs), limits)
    bundle.attempt = first.attempt
    bundle.finalize()
    return bundle


def gpus(job: Job | GroupJob) -> int:
    """How many GPUs are asked for."""
    return int(job.resources.get("gpu") or 0)


def members(job: Job | GroupJob) -> list[Job | GroupJob]:
    """The jobs that were bundled, or the one that was not."""
    return list(job.jobs) if isinstance(job, Bundle) else [job]
