"""The executor: Snakemake's Slurm plugin submits, and this decides what a Slurm job is.

Jobs with the same resource `bundle` that become ready together are one Slurm job. In it a single
Snakemake runs them with the fork server. To the Snakemake outside they remain separate jobs: each
succeeds, fails and is retried on its own.
"""

import contextlib
import shutil
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from snakemake_executor_plugin_slurm import Executor as SlurmExecutor
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.logging import LoggerExecutorInterface
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry
from snakemake_interface_executor_plugins.workflow import WorkflowExecutorInterface

from snakemake_executor_plugin_forkserver import Executor as LocalExecutor

from .bundles import Bundle, bundled, members
from .job_states import ENDED, FORGOTTEN, JobStates
from .own_jobs import NO_ANSWER, end, end_all, left_behind, mine, said
from .submissions import Submissions

PREFIX = "snakemake-"  # what the names of Slurm jobs begin with; the rest is the run's own
CLUSTERS = ("cluster", "clusters", "slurm_cluster")  # resources that choose another Slurm
# sbatch's messages when it cannot reach Slurm, and when it may accept once other jobs have ended.
AWAY = ("contact", "connect", "timed out", "temporarily", "Zero Bytes")
FULL = ("SubmitLimit", "SubmitJob", "submit limit")


class Executor(SlurmExecutor):
    """Submits bundles of jobs to Slurm and tracks each of them."""

    def __init__(self, workflow: WorkflowExecutorInterface, logger: LoggerExecutorInterface):
        # Must precede the base class, which starts the thread that queries the jobs' states.
        self.settings = workflow.executor_settings
        self.submissions = Submissions(self.settings.gpus)
        self._lock_submissions = threading.RLock()
        self._warned: set[str] = set()
        self._doubt = False  # whether Slurm may have a job of this run that is not known here
        self._silent = False  # whether Slurm did not answer the last time
        self._refused = False  # whether the run ends because Slurm refused a job
        # Local rules run under the fork server too: fast, and with their output in their logs.
        # Snakemake creates their executor from this entry, after this one.
        ExecutorPluginRegistry().get_plugin("local").executor = LocalExecutor
        super().__init__(workflow, logger)

    def __post_init__(self, test_mode: bool = False) -> None:
        super().__post_init__(test_mode)
        self.run_uuid = f"{PREFIX}{self.run_uuid}"
        self.job_states = JobStates(self.settings.status_command)
        try:
            self._refuse_second_run()
        except WorkflowError:
            self.wait = False  # ends the thread that queries the jobs' states
            raise

    def _refuse_second_run(self) -> None:
        """Refuse to start while a killed run's jobs remain, which would write the same files."""
        if not shutil.which("squeue"):
            raise WorkflowError("No Slurm here (no squeue): start this on a cluster's login node.")
        try:
            ids = left_behind(PREFIX, self.workflow.workdir_init)
        except NO_ANSWER as error:
            raise WorkflowError(f"Slurm does not answer: {said(error)}") from None
        if ids:
            raise WorkflowError(
                f"{len(ids)} Slurm jobs of another run work in this folder. If that run is dead, "
                "let them end (what they finish counts) or cancel them, and start again:\n"
                f"    scancel {' '.join(ids)}"
            )

    # What is submitted: bundles, each as a Snakemake that stays within what it has requested

    def run_jobs(self, jobs: Sequence[JobExecutorInterface]) -> None:
        """Bundle the jobs that have become ready, and submit what the limits allow."""
        with self._lock_submissions:
            self.submissions.waiting += bundled(jobs, self.settings.cores)
            self._submit()

    def _submit(self) -> None:
        with self._lock_submissions:
            if not self._doubt:
                for bundle in self.submissions.next():
                    self._submit_job(bundle)

    def run_job(self, job: JobExecutorInterface) -> None:
        """Call sbatch, in a thread of the plugin's."""
        if elsewhere := [f"{c}={job.resources[c]}" for c in CLUSTERS if job.resources.get(c)]:
            # It would not be listed here, taken to be gone, and run twice.
            self._report_job_error_threadsafe(
                SubmittedJobInfo(job),
                f"{', '.join(elsewhere)}: this executor knows only the cluster that it runs on.",
            )
        else:
            super().run_job(job)

    def get_python_executable(self) -> str:
        # The batch shell is replaced by Snakemake, which then gets the signals meant for the job.
        return f"exec {super().get_python_executable()}"

    def additional_general_args(self) -> str:
        """How a bundle's jobs run in the allocation: not as steps with a Snakemake each."""
        preload = self.settings.preload
        args = "--executor forkserver --keep-going"
        return f"{args} --forkserver-preload '{preload}'" if preload else args

    def format_job_exec(self, job: JobExecutorInterface) -> str:
        command = f"{super().format_job_exec(job)} --cores {job.threads}"
        if isinstance(job, Bundle) and job.at_once > 1:
            return command  # the fork server sees to it that they share the GPU
        gpus = job.resources.get("gpu")
        return f"{command} --resources gpu={gpus}" if gpus else command

    def get_account_arg(self, job: JobExecutorInterface):
        """The account as given: Slurm knows best whether it exists."""
        account = job.resources.get("slurm_account")
        yield f" -A '{account}'" if account else ""

    # What is reported of a bundle, passed on for its members

    def report_job_submission(self, job_info: SubmittedJobInfo, register_job: bool = True) -> None:
        with self._lock_submissions:
            self.submissions.accepted(job_info.job, job_info.external_jobid)
        for job in members(job_info.job):
            info = SubmittedJobInfo(job, job_info.external_jobid, job_info.aux)
            super().report_job_submission(info, register_job)

    def report_job_success(self, job_info: SubmittedJobInfo) -> None:
        with self._lock_submissions:
            self.submissions.ended(job_info.job)
        super().report_job_success(job_info)

    def report_job_error(self, job_info: SubmittedJobInfo, msg=None, **kwargs) -> None:
        with self._lock_submissions:
            self.submissions.ended(job_info.job)
        super().report_job_error(job_info, msg=msg, **kwargs)

    def _report_job_error_threadsafe(self, job_info: SubmittedJobInfo, msg: str) -> None:
        """A submission was refused: try again later, or give up, and show what Slurm said."""
        bundle = job_info.job
        answer, _, call = msg.partition("\n    sbatch call:")
        refusal = f"{answer}\nIt was asked:{call.split(' --wrap=')[0]}" if call else answer
        away, full = (any(part in answer for part in parts) for parts in (AWAY, FULL))
        with self._lock_submissions:
            self.submissions.pending.discard(bundle)
            if away or (full and self.submissions.ids):
                self._doubt |= away
                if full:
                    self.submissions.too_many()
                what = answer.splitlines()[0]
                if what not in self._warned:
                    self.logger.warning(f"{what} Trying again later.")
                    self._warned.add(what)
                self.submissions.waiting.append(bundle)
            elif self.submissions.ids:
                # Slurm has accepted other jobs. No retry: the answer would be the same.
                for job in members(bundle):
                    job.attempt = job.restart_times + 1
                    self.report_job_error(SubmittedJobInfo(job), refusal)
            elif not self._refused:
                self._refused = True
                self.workflow.scheduler.executor_error_callback(WorkflowError(refusal))

    # What has become of the jobs

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncIterator[SubmittedJobInfo]:
        """Report the jobs that have ended, yield the others, submit what was waiting for them."""
        # The plugin would wait 10 s longer each time no job has ended, up to 3 minutes.
        self.next_seconds_between_status_checks = self.settings.init_seconds_before_status_checks
        if not active_jobs and not self.submissions.waiting:
            return
        states = await self.job_states.of({info.external_jobid for info in active_jobs})
        if states is None and not self._silent:
            self.logger.warning("Slurm does not answer; jobs go on, and will be asked for.")
        self._silent = states is None
        for info in active_jobs:
            id = info.external_jobid
            state = states.get(id) if states else None
            if state not in ENDED:
                yield info
            elif state == "COMPLETED" or await self._finished(info.job):
                self.report_job_success(info)
            else:
                how = f"Slurm job {id} has ended as {state}. "
                if state == FORGOTTEN:
                    how = f"Slurm no longer knows job {id}. "
                self.report_job_error(info, msg=how, aux_logs=[str(info.aux["slurm_logfile"])])
        if not self._silent:
            self._cancel_unconfirmed()
            self._submit()

    async def _finished(self, job: JobExecutorInterface) -> bool:
        """Whether a job was done when its bundle came to a bad end.

        Snakemake marks outputs as incomplete when a job is submitted and again when it starts, and
        removes the mark on success: here the Snakemake inside the Slurm job does.
        """
        persistence = self.workflow.persistence
        persistence.deactivate_cache()
        return all(Path(f).exists() for f in job.output) and not await persistence.incomplete(job)

    def _cancel_unconfirmed(self) -> None:
        """Cancel jobs that Slurm took although sbatch reported an error: they would run twice."""
        with self._lock_submissions, contextlib.suppress(*NO_ANSWER):  # tried again next time
            if self._doubt and not self.submissions.pending:
                ids = {row[0] for row in mine(f"--name={self.run_uuid}")}
                unconfirmed = ids - self.submissions.ids
                self._doubt = end(unconfirmed) != unconfirmed

    # The end

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Cancel everything that this run has started, and wait until it is gone."""
        self.submissions.waiting.clear()
        # Snakemake itself cancels only this executor.
        self.workflow.scheduler._local_executor.cancel()
        # Jobs being submitted are not in any list yet, but they have the run's name.
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        try:
            if mine(f"--name={self.run_uuid}"):
                self.logger.info("Cancelling Slurm jobs: each has ten seconds to save its state.")
                end_all(self.run_uuid)
        except NO_ANSWER as error:
            left = f"Slurm jobs may be left: {said(error)}\n    scancel --name={self.run_uuid}"
            self.logger.error(left)

    def shutdown(self) -> None:
        self.submissions.waiting.clear()
        if self._refused:
            self.cancel_jobs([])
        super().shutdown()
