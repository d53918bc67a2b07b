"""Which of Snakemake's plain-text messages the user should see.

They have no type, so they are recognised by their wording (that of Snakemake 9). If it changes, a
remark too many may appear, or one may be missing; errors and warnings always appear.
"""

import logging
import re
from logging import LogRecord
from pathlib import Path

from snakemake.common import NOTHING_TO_BE_DONE_MSG

from .run import Run

# Remarks before the jobs start that help nobody
NOISE = ("Assuming unrestricted shared", "Using shell:", "host:", "Group jobs: inactive")
# Helpful remarks after that; all others are hidden, as there may be thousands
HELPFUL = ("Terminating processes", "Will exit after", "run involves checkpoint", "provenance/")
# Errors that the summary reports better
SUMMARISED = ("Exiting because a job execution failed", "At least one job did not complete")

MISSING_OUTPUT = re.compile(r"Job (\d+)\s+completed successfully, but")
COMPLETE_LOG = re.compile(r"Complete log\(s\): (.*)")


def is_nothing_to_do(message: str) -> bool:
    return message == NOTHING_TO_BE_DONE_MSG


def full_log(message: str) -> str:
    """The path of Snakemake's log, if the message names it, as short as possible."""
    if not (found := COMPLETE_LOG.match(message)):
        return ""
    path = Path(found[1])
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def job_without_output(message: str) -> int | None:
    """The id of a job that did not write an output: Snakemake sends no JOB_ERROR for it."""
    found = MISSING_OUTPUT.search(message)
    return int(found[1]) if found else None


def stopped_by(message: str, run: Run) -> str:
    """Who stopped the run early, if the message says so."""
    if message.startswith(("Terminating processes", "Will exit after")):
        return "user"
    return "failure" if message.startswith("Shutting down") and run.failures else ""


def is_worth_saying(record: LogRecord, message: str, run: Run) -> bool:
    """Whether the user should see the message."""
    if record.levelno < logging.WARNING:
        if run.stages:
            return any(words in message for words in HELPFUL)
        return not message.startswith(NOISE)
    return not (run.stages and any(words in message for words in SUMMARISED))


def is_why_a_job_failed(record: LogRecord, run: Run) -> bool:
    """Whether this is the error of a job: its JOB_ERROR follows, from the same thread."""
    return bool(run.stages) and getattr(record, "exception", "") == "RuleException"


def colour(record: LogRecord) -> str:
    if record.levelno < logging.WARNING:
        return ""
    return "red" if record.levelno >= logging.ERROR else "yellow"
