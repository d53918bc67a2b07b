"""How far the run is, as text lines or as the live table. Returns text and prints nothing."""

from .run import Run, Stage

BAR_WIDTH = 12


def clock(seconds: float) -> str:
    """Seconds as 0:07, 12:30 or 3:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def jobs(number: float) -> str:
    return f"{number:,.0f} job" + ("" if number == 1 else "s")


def plan(run: Run) -> str:
    """One line: what is going to run."""
    stages = ", ".join(f"{stage.name} {stage.total:,}" for stage in run.stages.values())
    return f"{jobs(run.sum('total'))} to run: {stages}"


def stage_complete(run: Run, stage: Stage, now: float) -> str:
    spent = f"{jobs(stage.done)}, {clock(stage.seconds)} in jobs"
    return f"[{clock(now - run.start)}] {stage.name} complete: {spent}"


def line(run: Run, now: float) -> str:
    """The state of the run in one line, for where there is no terminal."""
    done, total = run.sum("done"), run.sum("total")
    under_way = [s for s in run.stages.values() if s.started and not s.complete]
    parts = [f"{done:,} of {jobs(total)} done"]
    parts += [f"{s.name} {s.done:,}/{s.total:,}" for s in under_way]
    if run.failures:
        parts.append(f"{len(run.failures):,} failed")
    seconds, at_least = run.all_seconds_left(now)
    parts.append(f"{'at least ' if at_least else 'about '}{clock(seconds)} left")
    return f"[{clock(now - run.start)}] {done / max(1, total):4.0%}  " + ", ".join(parts)


def block(run: Run, now: float, rows: int) -> list[str]:
    """The live table: one row per stage, up to a limit (complete stages are dropped first)."""
    stages = list(run.stages.values())
    while len(stages) > max(1, rows - 2):
        stages.remove(next((stage for stage in stages if stage.complete), stages[-1]))
    width = max([len(stage.name) for stage in stages] + [13])
    left, at_least = run.all_seconds_left(now)
    heading = f"{'after ' + clock(now - run.start):{width}} {'done':>11} {'':{BAR_WIDTH}}"
    heading += " running   in jobs      left"
    lines = [heading]
    for stage in stages:
        seconds = run.seconds_left(stage, now)
        known = "running" if stage.running else "waiting"
        if seconds is not None:
            known = "complete" if stage.complete else clock(seconds)
        lines.append(_row(stage, width, known))
    everything = Stage("all jobs", int(run.sum("total")), int(run.sum("done")))
    everything.failed, everything.running = len(run.failures), len(run.jobs)
    everything.seconds = run.sum("seconds")
    row = _row(everything, width, ("≥ " if at_least else "") + clock(left))
    return [*lines, row]


def _row(stage: Stage, width: int, left: str) -> str:
    filled = BAR_WIDTH * stage.done // max(1, stage.total)
    bar = "█" * filled + "░" * (BAR_WIDTH - filled)
    count = f"{stage.done:,}/{stage.total:,}"
    spent = clock(stage.seconds) if stage.started else ""
    failed = f"   {stage.failed:,} FAILED" if stage.failed else ""
    running = f"{stage.running:,}" if stage.running else ""
    return f"{stage.name:{width}} {count:>11} {bar} {running:>7} {spent:>9} {left:>9}{failed}"
