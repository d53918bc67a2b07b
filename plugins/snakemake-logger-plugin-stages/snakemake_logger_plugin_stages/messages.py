"""Which of Snakemake's plain-text messages the user should see, and what some of them mean.

They have no type, so they are recognised by their wording (that of Snakemake 9). If it changes, a
remark too many may appear, or one may be missing; errors and warnings always appear.
"""

import logging
import re

# How messages begin when a run is stopped by the user, or by a failure; and that of the log's path
CTRL_C, SIGTERM, STOPS = "Terminating processes", "Will exit after", "Shutting down"
FULL_LOG = "Complete log(s): "
# Of a job that did not write an output Snakemake sends no JOB_ERROR.
MISSING_OUTPUT = re.compile(r"Job (\d+)\s+completed successfully, but")

# Remarks before the jobs start that help nobody
NOISE = ("Assuming unrestricted shared", "Using shell:", "host:", "Group jobs: inactive")
# Helpful remarks after that; all others are hidden, as there may be thousands
HELPFUL = (CTRL_C, SIGTERM, "run involves checkpoint", "provenance/")
# Errors that the summary reports better
SUMMARISED = ("Exiting because a job execution failed", "At least one job did not complete")


def is_worth_saying(level: int, message: str, started: bool) -> bool:
    """Whether the user should see a message, before or after the jobs have started."""
    if level < logging.WARNING:
        if started:
            return any(words in message for words in HELPFUL)
        return not message.startswith(NOISE)
    return not (started and any(words in message for words in SUMMARISED))
