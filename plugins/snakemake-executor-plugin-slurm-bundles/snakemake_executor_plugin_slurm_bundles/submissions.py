"""Which bundles of a run are waiting, being submitted or in Slurm, and which may be submitted."""

from snakemake.jobs import GroupJob, Job

from .bundles import gpus, members


class Submissions:
    """Not safe for threads."""

    def __init__(self, gpu_limit: int | None) -> None:
        self.gpu_limit = gpu_limit
        self.ids: set[str] = set()  # of every Slurm job that this run has submitted
        self.waiting: list[Job | GroupJob] = []
        self.pending: set[Job | GroupJob] = set()  # sbatch is being called
        self._in_slurm: dict[Job | GroupJob, Job | GroupJob] = {}  # bundles by each unfinished job
        self._most: int | None = None  # Slurm jobs that the user may have, once known

    def next(self) -> list[Job | GroupJob]:
        """The waiting bundles that may be submitted now, which then are pending."""
        waiting, self.waiting, chosen = self.waiting, [], []
        for bundle in waiting:
            if self._has_room_for(bundle):
                self.pending.add(bundle)
                chosen.append(bundle)
            else:
                self.waiting.append(bundle)
        return chosen

    def accepted(self, bundle: Job | GroupJob, id: str) -> None:
        """A pending bundle is a Slurm job now."""
        self.pending.discard(bundle)
        self.ids.add(id)
        self._in_slurm |= dict.fromkeys(members(bundle), bundle)
        if self._most is not None:
            self._most = max(self._most, self._slurm_jobs)

    def ended(self, job: Job) -> None:
        """A job of a bundle has ended."""
        self._in_slurm.pop(job, None)

    def too_many(self) -> None:
        """A bundle was refused as one too many: allow no more than there are, and one.

        The extra one finds out when more are allowed.
        """
        self._most = self._slurm_jobs

    @property
    def _slurm_jobs(self) -> int:
        return len(set(self._in_slurm.values()))

    def _has_room_for(self, bundle: Job | GroupJob) -> bool:
        """Whether it may be submitted now; if it exceeds the GPU limit by itself, only alone."""
        bundles = self.pending.union(self._in_slurm.values())
        busy, wanted = sum(map(gpus, bundles)), gpus(bundle)
        if self.gpu_limit and busy and wanted and busy + wanted > self.gpu_limit:
            return False
        return self._most is None or len(bundles) <= self._most
