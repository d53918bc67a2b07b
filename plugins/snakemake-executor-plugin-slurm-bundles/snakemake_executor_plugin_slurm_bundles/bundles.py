"""Which jobs share a Slurm job."""

from collections.abc import Sequence

from snakemake.iocontainers import ResourceList
from snakemake.jobs import GroupJob, Job
from snakemake.resources import Resources, SizedResources

from snakemake_executor_plugin_forkserver.gpus import WHOLE, asked

# What jobs that run at once take together. Of everything else the largest is enough.
ADDED = ("_cores", "cpus_per_task", "cpus_per_gpu", "mem_mb", "disk_mb")


class Bundle(GroupJob):
    """Jobs that are submitted as one, of which `at_once` run at a time.

    Snakemake's group can compute what jobs need one after another, and how long they take then.
    Snakemake's scheduler does not know of this group and treats its jobs separately.
    """

    at_once = 1

    @property
    def resources(self) -> ResourceList:
        """What to ask Slurm for: times `at_once`, and for as long as so many at a time take."""
        needed = dict(super().resources.items())
        if self.at_once > 1:
            needed |= {name: needed[name] * self.at_once for name in ADDED if name in needed}
            times = sorted((job.resources.get("runtime", 0) for job in self.jobs), reverse=True)
            if any(times):
                needed["runtime"] = sum(times[:: self.at_once])  # the longest of each round
        return ResourceList(fromdict=needed)


def bundled(jobs: Sequence[Job | GroupJob], cores: int) -> list[Job | GroupJob]:
    """Group jobs of the same bundle, attempt and placement; each of the others stays alone.

    A bundle whose jobs share a GPU gets at most so many cores, unless one job needs more.
    """
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
    made = [same[0] if len(same) == 1 else together(same, cores) for same in bundles.values()]
    return sorted(made, key=lambda job: -job.priority)  # stable: keeps the given order otherwise


def together(jobs: list[Job], cores: int) -> Bundle:
    """One bundle of jobs of the same attempt, with as many GPUs as one of them needs.

    On a whole GPU they run one after another, and the bundle's time is the sum of theirs.
    """
    first = jobs[0]
    limits = Resources(dict(first.dag.workflow.global_resources))
    limits["_cores"] = max(job.threads for job in jobs)
    limits["gpu"] = max(gpus(job) for job in jobs)
    bundle = Bundle(first.resources.bundle, frozenset(jobs), limits)
    bundle.at_once = at_once(jobs, cores)
    bundle.attempt = first.attempt
    bundle.finalize()
    return bundle


def at_once(jobs: list[Job], cores: int) -> int:
    """How many jobs run at a time: what the largest share of a GPU allows, within so many cores."""
    shares = [share for count, share in map(asked, jobs) if count]
    if not shares:
        return 1
    each = max(cores_of(job) for job in jobs)
    return max(1, min(WHOLE // max(shares), cores // each, len(jobs)))


def cores_of(job: Job) -> int:
    """How many cores Slurm's plugin asks for, for a job alone; 1 if it is told not to ask."""
    wanted = job.resources.get("cpus_per_task") or job.resources.get("cpus_per_gpu") or job.threads
    return max(1, wanted)


def gpus(job: Job | GroupJob) -> int:
    """The number of GPUs requested."""
    return int(job.resources.get("gpu") or 0)


def members(job: Job | GroupJob) -> list[Job | GroupJob]:
    """The jobs of a bundle, or the single job itself."""
    return list(job.jobs) if isinstance(job, Bundle) else [job]
