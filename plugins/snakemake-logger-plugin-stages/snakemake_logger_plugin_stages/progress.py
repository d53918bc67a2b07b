"""How far the run is, as text lines or as the live table. Returns text and prints nothing."""

from .run import Run, Stage

BAR_WIDTH = 12


def clock(seconds: float) -> str:
    """Seconds as 0:07, 12:30 or 3:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def jobs(number: int) -> str:
    return f"{number:,} job" + ("" if number == 1 else "s")


def plan(run: Run) -> str:
    """One line: what is going to run."""
    stages = ", ".join(f"{stage.name} {stage.total:,}" for stage in run.stages.values())
    return f"{jobs(run.all_jobs().total)} to run: {stages}"


def stage_complete(run: Run, stage: Stage, now: float) -> str:
    spent = f"{jobs(stage.done)}, {clock(stage.seconds)} in jobs"
    return f"[{clock(now - run.start)}] {stage.name} complete: {spent}"


def line(run: Run, now: float) -> str:
    """The state of the run in one line, for where there is no terminal."""
    every = run.all_jobs()
    under_way = [s for s in run.stages.values() if s.started and not s.complete]
    parts = [f"{every.done:,} of {jobs(every.total)} done"]
    parts += [f"{s.name} {s.done:,}/{s.total:,}" for s in under_way]
    if every.failed:
        parts.append(f"{every.failed:,} failed")
    seconds, at_least = run.all_seconds_left(now)
    if not at_least:
        parts.append(f"about {clock(seconds)} left")
    elif round(seconds):  # else nothing is known
        parts.append(f"at least {clock(seconds)} left")
    share = every.done / max(1, every.total)
    return f"[{clock(now - run.start)}] {share:4.0%}  " + ", ".join(parts)


def block(run: Run, now: float, rows: int) -> list[str]:
    """The live table: one row per stage, up to a limit (complete stages are dropped first)."""
    stages = list(run.stages.values())
    while len(stages) > max(1, rows - 2):
        stages.remove(next((stage for stage in stages if stage.complete), stages[-1]))
    width = max([len(stage.name) for stage in stages] + [13])
    after = f"after {clock(now - run.start)}"
    lines = [f"{after:{width}} {'done':>11} {'':{BAR_WIDTH}} running   in jobs      left"]
    for stage in stages:
        left = run.seconds_left(stage, now)
        if left is None:
            known = "running" if stage.running else "waiting"
        else:
            known = "complete" if stage.complete else clock(left)
        lines.append(_row(stage, width, known))
    seconds, at_least = run.all_seconds_left(now)
    known = clock(seconds)
    if at_least:
        known = f"≥ {known}" if round(seconds) else ""
    return [*lines, _row(run.all_jobs(), width, known)]


def _row(stage: Stage, width: int, left: str) -> str:
    filled = BAR_WIDTH * stage.done // max(1, stage.total)
    bar = "█" * filled + "░" * (BAR_WIDTH - filled)
    count = f"{stage.done:,}/{stage.total:,}"
    spent = clock(stage.seconds) if stage.started else ""
    failed = f"   {stage.failed:,} FAILED" if stage.failed else ""
    running = f"{stage.running:,}" if stage.running else ""
    return f"{stage.name:{width}} {count:>11} {bar} {running:>7} {spent:>9} {left:>9}{failed}"
