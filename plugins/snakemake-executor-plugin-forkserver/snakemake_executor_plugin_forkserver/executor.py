"""The executor: Snakemake's local one, whose Python scripts are forked instead of started."""

import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from snakemake.executors.local import Executor as LocalExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase

from . import hooks
from .client import ForkServer
from .gpus import Gpus, asked
from .processes import adopt_orphans, end_descendants
from .relay import protect_streams


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """What a user can set; Snakemake makes a command line option of each field."""

    preload: str | None = field(
        default=None,
        metadata={
            "help": "Modules to import once, before any script runs, separated by commas or "
            "spaces. Name what your scripts import and what takes long to import, such as torch.",
            "type": str,
        },
    )


class Executor(LocalExecutor):
    """Runs jobs as Snakemake's local executor does, except for how Python scripts start."""

    def __post_init__(self) -> None:
        # Not above: it imports Snakemake's scheduler, which imports this plugin.
        from . import limits  # noqa: F401

        super().__post_init__()
        preload = (self.executor_settings and self.executor_settings.preload) or ""
        self.server = ForkServer(preload.replace(",", " ").split())
        self.gpus = Gpus()
        self.relays = protect_streams()
        adopt_orphans()
        # If no rule mentions GPUs, leave them alone, as Snakemake's executor does.
        self.assigns_gpus = any("gpu" in rule.resources for rule in self.workflow.rules)

    def run_jobs(self, jobs: Sequence[JobExecutorInterface]) -> None:
        """Start jobs; called in the main thread, after Snakemake has set its signal handlers."""
        # End the run on SIGTERM as on Ctrl-C. Snakemake would wait for the running jobs to end,
        # which can take hours, and a SIGKILL usually follows a SIGTERM soon after.
        main = threading.current_thread() is threading.main_thread()
        if main and self.workflow.local_exec:  # not where it only runs a cluster's local rules
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        self._lift_rate_limit()
        super().run_jobs(jobs)

    def _lift_rate_limit(self) -> None:
        """Undo Snakemake's default of at most 100 jobs per second, meant for clusters.

        While it is on, every round of the scheduler starts a thread that asks for another round one
        second later, which does the same: after N jobs there are N rounds per second.
        """
        scheduler = self.workflow.scheduler
        limit = getattr(scheduler, "job_rate_limiter", None)
        if limit is not None and (limit.max_jobs, limit.timespan) == (100, 1):
            scheduler.job_rate_limiter = None
            scheduler.resources["_job_count"] = sys.maxsize  # as without a limit

    def cached_or_run(self, job: JobExecutorInterface, run_func, *args) -> None:
        """Run a job in this thread of the pool, with GPUs of its own and scripts forked."""
        gpus = nullcontext({})
        if self.assigns_gpus:
            # Jobs connected by a pipe must run simultaneously and cannot wait for each other.
            gpus = self.gpus.lent(*asked(job), wait=job.pipe_group is None)
        with gpus as env, hooks.active(self.server, env):
            super().cached_or_run(job, run_func, *args)

    def get_job_exec_prefix(self, job: JobExecutorInterface) -> str:
        """Start of the command of a job that has its own Snakemake process (`run:`)."""
        return f"{hooks.exports()}{super().get_job_exec_prefix(job)}"

    def shutdown(self) -> None:
        """End after the running jobs have ended."""
        super().shutdown()
        self.server.close()

    def cancel(self) -> None:
        """End at once. Here Snakemake's executor waits for jobs that got no Ctrl-C themselves."""
        self.gpus.close()
        ending = threading.Thread(target=self.server.close)  # both are slow: do them in parallel
        ending.start()
        server = self.server.process
        end_descendants(server and server.pid, *self.relays)
        ending.join()
        super().cancel()
        # A process whose parent was just dying may have been missed; it is now a child of this one.
        end_descendants(*self.relays)
