"""What a run has submitted that has not ended yet, and whether it may submit more."""

from collections.abc import Iterable

from snakemake.jobs import GroupJob, Job

from .bundles import gpus, members


class UnderWay:
    """Bundles and their jobs, from the moment that sbatch is called. Not safe for threads."""

    def __init__(self, gpu_limit: int | None) -> None:
        self.gpu_limit = gpu_limit
        self.ids: set[str] = set()  # of every Slurm job that this run has submitted
        self._bundles: dict[Job | GroupJob, Job | GroupJob] = {}  # by each of its jobs
        self._accepted: set[Job | GroupJob] = set()  # the jobs whose bundles have a Slurm job
        self._most: int | None = None  # Slurm jobs that the user may have, once known

    def add(self, bundle: Job | GroupJob) -> None:
        """sbatch is about to be called."""
        self._bundles |= dict.fromkeys(members(bundle), bundle)

    def accept(self, bundle: Job | GroupJob, id: str) -> None:
        """It is a Slurm job now."""
        self.ids.add(id)
        self._accepted |= set(members(bundle))
        if self._most is not None:
            self._most = max(self._most, self.accepted)

    def end(self, jobs: Iterable[Job | GroupJob]) -> None:
        """These jobs have ended, or were not accepted."""
        for job in jobs:
            self._bundles.pop(job, None)
            self._accepted.discard(job)

    @property
    def accepted(self) -> int:
        """How many Slurm jobs there are."""
        return len({self._bundles[job] for job in self._accepted})

    @property
    def all_accepted(self) -> bool:
        """Whether no submission is pending."""
        return self._bundles.keys() == self._accepted

    def is_full(self) -> None:
        """A submission was refused as one too many: allow no more than the present number plus one.

        The extra one finds out when more are allowed.
        """
        self._most = self.accepted

    def has_room_for(self, bundle: Job | GroupJob) -> bool:
        """Whether it may be submitted now; if it exceeds the GPU limit by itself, only alone."""
        bundles = set(self._bundles.values())
        busy, wanted = sum(map(gpus, bundles)), gpus(bundle)
        if self.gpu_limit and busy and wanted and busy + wanted > self.gpu_limit:
            return False
        return self._most is None or len(bundles) <= self._most
