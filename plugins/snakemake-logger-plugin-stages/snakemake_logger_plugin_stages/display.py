"""From Snakemake's log records to what the user sees."""

import logging
import os
import threading
import time
from collections import Counter, defaultdict
from logging import LogRecord
from typing import TextIO

from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from . import messages, progress, summary
from .run import Run
from .screen import Screen

REDRAW_SECONDS = 0.5
LINE_SECONDS = 10  # between lines where there is no terminal
FAILURES_IN_FULL = 3  # per stage: if all 1,440 jobs of a stage fail, three show what is wrong


class Display:
    """Counts jobs as records arrive; a second thread redraws, so that the clock keeps ticking."""

    def __init__(self, stream: TextIO, common, lock: threading.RLock) -> None:
        self.screen = Screen(stream, colour=not common.nocolor)
        self.dry = common.dryrun
        quiet = common.quiet or ()
        self.mute = Quietness.ALL in quiet and not self.dry  # as Snakemake understands it
        # With --quiet Snakemake does not report finished jobs: nothing to count, no summary.
        self.show_progress = Quietness.PROGRESS not in quiet and not self.mute and not self.dry
        self.run = Run(start=time.time())
        self.results = self.full_log = ""
        self.reasons: dict[str, Counter[str]] = defaultdict(Counter)
        self.failures_shown: Counter[str] = Counter()
        self.reasons_held: dict[int | None, str] = {}  # by thread, until the failed job is named
        self.said: set[str] = set()
        self.stopped_by = ""  # or "user", "failure"
        self.interrupted = self.error = False
        self.last_line = 0.0
        self.lock = lock  # held by logging.Handler.handle() around every record
        self.closing = threading.Event()

    def handle(self, record: LogRecord) -> None:
        """Take one record."""
        if self.mute:
            return
        if results := getattr(record, "results", ""):
            self.results = results
            return
        match getattr(record, "event", None):
            case LogEvent.RUN_INFO if not self.run.stages:
                self._planned(record.stats)
            case LogEvent.JOB_INFO:
                self._job_info(record)
            case LogEvent.JOB_FINISHED:
                self._finished(record)
            case LogEvent.JOB_ERROR:
                self._failed(record.jobid, record.log, record)
            case LogEvent.GROUP_ERROR:
                for job in record.job_error_info:
                    self._failed(job["jobid"], job["log"], record)
            case None | LogEvent.ERROR:
                self._message(record, (record.msg or "").strip())

    def close(self) -> None:
        """End the live block and print the summary (once: Snakemake may close twice)."""
        with self.lock:
            if self.closing.is_set():
                return
            self.closing.set()
            self.screen.draw([])
            for message in self.reasons_held.values():  # of no job; none should be left
                self.screen.say(message, "red")
            if self.dry and self.run.stages and not self.error:
                self.screen.say(summary.dry_run(self.run, self.reasons))
            elif self.run.stages and self.show_progress:
                stop, log = self.stopped_by, self.full_log
                self.screen.say(summary.at_end(self.run, time.time(), stop, self.results, log))

    def _planned(self, stats: dict[str, int]) -> None:
        self.run.plan(stats)
        if self.show_progress:
            self.last_line = time.time()
            if not self.screen.live:
                self.screen.say(progress.plan(self.run))
            threading.Thread(target=self._tick, name="stages", daemon=True).start()

    def _tick(self) -> None:
        while not self.closing.wait(REDRAW_SECONDS):
            with self.lock:
                now = time.time()
                if self.closing.is_set():
                    return
                if self.screen.live:
                    self.screen.draw(progress.block(self.run, now, self.screen.size[1] - 2))
                # In long runs a line every ten seconds is too much: wait 2 % of the time so far.
                elif not self.run.complete and now - self.last_line >= max(
                    LINE_SECONDS, 0.02 * (now - self.run.start)
                ):
                    self.last_line = now
                    self.screen.say(progress.line(self.run, now))

    def _job_info(self, record: LogRecord) -> None:
        rule = record.rule_name
        if self.dry:
            self.reasons[rule][summary.short_reason(record.reason)] += 1
        elif record.output or rule in self.run.stages:  # otherwise a target such as `all`
            self.run.job_started(record.jobid, rule, record.wildcards, record.created)

    def _finished(self, record: LogRecord) -> None:
        job = self.run.job_finished(record.job_id, record.created)
        if job and job.stage.complete and self.show_progress and not self.screen.live:
            self.screen.say(progress.stage_complete(self.run, job.stage, record.created))

    def _failed(self, jobid: int, logs: list[str], record: LogRecord) -> None:
        reason = self.reasons_held.pop(record.thread, "")
        if self.interrupted:  # it was ended, it did not fail
            self.run.job_ended(jobid, record.created)
        elif job := self.run.job_failed(jobid, logs, record.created):
            name = job.stage.name
            self.failures_shown[name] += 1
            if self.failures_shown[name] <= FAILURES_IN_FULL:
                said = getattr(record, "rule_msg", None)
                self.screen.say(summary.failure(job, reason, said), "red")
            elif self.failures_shown[name] == FAILURES_IN_FULL + 1:
                self.screen.say(f"More jobs of {name} fail; they are listed at the end.", "red")

    def _message(self, record: LogRecord, message: str) -> None:
        """Show warnings and errors in full, and those of Snakemake's remarks that help the user."""
        started = bool(self.run.stages)
        if started and getattr(record, "exception", "") == "RuleException":
            # Why a job failed: its JOB_ERROR follows, from the same thread.
            self.reasons_held[record.thread] = message
        elif message.startswith(messages.FULL_LOG):
            self.full_log = os.path.relpath(message.removeprefix(messages.FULL_LOG))
        elif message == NOTHING_TO_BE_DONE_MSG:
            place = f" in {self.results}" if self.results else ""
            self.screen.say(f"Nothing to be done: all results are up to date{place}")
        elif message and message not in self.said:
            self.said.add(message)
            self.interrupted |= message.startswith(messages.CTRL_C)
            if message.startswith((messages.CTRL_C, messages.SIGTERM)):
                self.stopped_by = self.stopped_by or "user"
            elif message.startswith(messages.STOPS) and self.run.failed:
                self.stopped_by = self.stopped_by or "failure"
            self.error |= record.levelno >= logging.ERROR
            if messages.is_worth_saying(record.levelno, message, started):
                colours = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}
                self.screen.say(message, colours.get(record.levelno, ""))
        if found := messages.MISSING_OUTPUT.search(message):
            self._failed(int(found[1]), [], record)
