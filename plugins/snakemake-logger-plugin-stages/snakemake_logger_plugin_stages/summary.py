"""What failed, what was done, what a dry run would do. Returns text and prints nothing."""

import re
from collections import Counter
from pathlib import Path

from .progress import clock, jobs
from .run import Job, Run

LOG_TAIL_LINES = 8
LONGEST_LINE = 200  # of a log's tail
FAILURES_LISTED = 10
TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

# Why jobs were not run, by what stopped the run
NOT_RUN = {
    "": " (waiting for what failed; everything else went on)",
    "user": " (stopped by the user)",
    "failure": " (stopped at the first failure; with --keep-going the others go on)",
}

# The phrases of snakemake.jobs.Reason; what follows them (files, values) differs job by job.
REASONS = re.compile(
    "Forced execution|Missing output files|Incomplete output files|Updated input files"
    "|Input files updated by another job"
    "|(?:Set of input files|Code|Software environment definition) has changed"
    " since last execution"
    "|Params have changed since last execution"
)


def failure(job: Job, reason: str, executor: str | None = None) -> str:
    """Which job failed, and the end of its log, or Snakemake's reason if the log is empty.

    Before these comes what the executor reports, such as the loss of a cluster job.
    """
    lines = [f"FAILED: {job}"]
    # Snakemake's addition to it names no file; the logs follow here.
    said = (executor or "").partition("For further error details")[0].strip()
    lines += [f"  {line}" for line in said.splitlines()]
    tails = {log: _tail(_end_of(Path(log))) for log in job.logs}
    for log, tail in tails.items():
        lines += [f"  log: {log}{'' if tail else ' (nothing in it)'}", *tail]
    if not any(tails.values()):
        lines += _tail(reason)
    return "\n".join(lines)


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_LINES * LONGEST_LINE * 2))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _tail(content: str) -> list[str]:
    """The last non-blank lines, cut to a readable length, each with a mark in front."""
    content = TERMINAL_CODE.sub("", content)  # a log's colours must not reach this terminal
    lines = ("".join(c for c in line if c.isprintable()) for line in content.splitlines())
    kept = [f"  | {line[:LONGEST_LINE]}" for line in lines if line.strip()]
    return kept[-LOG_TAIL_LINES:]


def at_end(run: Run, now: float, stopped_by: str, results: str, full_log: str) -> str:
    """Everything reported to the user when the run is over."""
    every = run.all_jobs()
    stages = [stage for stage in run.stages.values() if stage.started]
    width = max([len(stage.name) for stage in stages] + [5])
    lines = ["", f"{'stage':{width}} {'done':>8} {'time in jobs':>13} {'a job':>9}"]
    for stage in stages:
        mean = f"{stage.seconds / stage.done:.2f} s" if stage.done else "-"
        failed = f"   {stage.failed:,} failed" if stage.failed else ""
        row = f"{stage.name:{width}} {stage.done:>8,} {clock(stage.seconds):>13} {mean:>9}"
        lines.append(row + failed)
    if run.failed:
        failures = list(run.failed.values())
        lines += ["", f"Failed: {jobs(len(failures))}"]
        lines += [f"  {job}  {' '.join(job.logs)}".rstrip() for job in failures[:FAILURES_LISTED]]
        if len(failures) > FAILURES_LISTED:
            lines.append(f"  and {len(failures) - FAILURES_LISTED:,} more")
    finished = every.done == every.total
    count = f"{'all' if finished else f'{every.done:,} of'} {jobs(every.total)}"
    spent = f"{clock(now - run.start)}; time in jobs {clock(every.seconds)}"
    lines += ["", f"Done: {count}. Wall time {spent}."]
    if not_run := every.total - every.done - every.failed:
        lines.append(f"Not run: {jobs(not_run)}{NOT_RUN[stopped_by]}.")
    if finished and results:
        lines.append(f"Results: {results}")
    if full_log:
        lines.append(f"Full log: {full_log}")
    if not finished:
        lines.append("To go on, run the same command again: jobs that are done are kept.")
    return "\n".join(lines)


def dry_run(run: Run, reasons: dict[str, Counter[str]]) -> str:
    """What would run, and why, by stage."""
    width = max([len(name) for name in run.stages] + [5])
    lines = [
        f"{jobs(run.all_jobs().total)} would run:",
        "",
        f"{'stage':{width}} {'jobs':>8}{'  why' if reasons else ''}",
    ]
    for stage in run.stages.values():
        why = reasons.get(stage.name, Counter()).most_common()
        texts = [reason if len(why) == 1 else f"{number:,}: {reason}" for reason, number in why]
        first, *others = texts or [""]
        lines.append(f"{stage.name:{width}} {stage.total:>8,}  {first}".rstrip())
        lines += [f"{'':{width}} {'':>8}  {text}" for text in others]
    return "\n".join([*lines, "", "Nothing was run (-n). To list every job: -n -p"])


def short_reason(reason: str) -> str:
    """Snakemake's reason for a job without the files and values that it names."""
    return "; ".join(REASONS.findall(reason)) or reason.partition(":")[0]
