"""Which jobs share a Slurm job."""

from collections.abc import Sequence

from snakemake.jobs import GroupJob, Job
from snakemake.resources import Resources, SizedResources


class Bundle(GroupJob):
    """Jobs that are submitted as one.

    Snakemake's group can compute what several jobs need together and how long they take one after
    another. Snakemake's scheduler does not know of this group and treats its jobs separately.
    """


def bundled(jobs: Sequence[Job | GroupJob]) -> list[Job | GroupJob]:
    """Group jobs of the same bundle, attempt and placement; each of the others stays alone."""
    bundles: dict[object, list[Job]] = {}
    for job in jobs:
        if job.is_group() or not job.resources.get("bundle"):
            key: object = job
        else:
            # Text such as partition or account must be the same for all jobs, except for sizes,
            # which Snakemake adds as "8 GB" to their numbers.
            words = {k: v for k, v in job.resources.items() if isinstance(v, str)}
            for name in ("tmpdir", *SizedResources):
                words.pop(name, None)
            key = (job.attempt, *sorted(words.items()))
        bundles.setdefault(key, []).append(job)
    made = [members[0] if len(members) == 1 else together(members) for members in bundles.values()]
    return sorted(made, key=lambda job: -job.priority)  # stable: keeps the given order otherwise


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
    """The number of GPUs requested."""
    return int(job.resources.get("gpu") or 0)


def members(job: Job | GroupJob) -> list[Job | GroupJob]:
    """The jobs of a bundle, or the single job itself."""
    return list(job.jobs) if isinstance(job, Bundle) else [job]
