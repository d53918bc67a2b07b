"""Numbers and sentences that say how candidates rank, for the page and for the terminal.

They are read from the content of ranking.json (rank/ranking_json.py). A space that must not break
a line is a no-break space.
"""

from collections.abc import Sequence

from basemodel.rank.ranking_json import Interval, Measured, RankedCandidate, Ranking, Score

NAMED = 3  # candidates that a sentence names before it counts the rest
LETTERS = "", "k", "M", "G", "T"
COVERAGE = (
    "95\u00a0% intervals cover the draw of images, not the outcome of fine-tuning "
    "(`snakemake rank_verify`)."
)
NO_LABELS = (
    "The images have no labels, so nothing here can say which model suits them: "
    "put them into one folder per class."
)


def decimal(value: float, places: int = 1) -> str:
    """So many decimal places, with a minus sign, and no minus zero."""
    text = f"{value:.{places}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def magnitude(value: float | None) -> str:
    """A count in thousands, millions, …: 11689512 is "11.7 M"; nothing known is a dash."""
    if value is None:
        return "–"
    for letter in LETTERS:
        short = f"{value:.3g}"
        if float(short) < 1000 or letter == LETTERS[-1]:
            return f"{short}\u00a0{letter}".rstrip()
        value /= 1000


def amount(score: Score, value: float | None, unit: bool = True) -> str:
    """The value of a score; in per cent if that is its unit, else with three significant digits."""
    if value is None:
        return "n/a"
    if score["unit"] == "%":
        return decimal(100 * value) + ("\u00a0%" if unit else "")
    return f"{value:.3g}".replace("-", "−")


def percent(value: float | None) -> str:
    return "–" if value is None else f"{decimal(100 * value)}\u00a0%"


def interval(score: Score, measured: Measured | Interval) -> str:
    """ "86.0 to 94.0", or nothing without an interval."""
    low, high = measured.get("low"), measured.get("high")
    if low is None or high is None:
        return ""
    return f"{amount(score, low, unit=False)} to {amount(score, high, unit=False)}"


def behind(score: Score, difference: Interval | None) -> str:
    """How far behind the leader: "2.9 points, −0.5 to 6.2", or nothing if that is not known."""
    if not difference or difference.get("value") is None:
        return ""
    points = "\u00a0points" if score["unit"] == "%" else ""
    parts = amount(score, difference["value"], unit=False) + points, interval(score, difference)
    return ", ".join(part for part in parts if part)


def score_named(ranking: Ranking, name: str | None) -> Score | None:
    return next((score for score in ranking["scores"] if score["name"] == name), None)


def listed(names: Sequence[str], named: int | None = None) -> str:
    """ "a", "a and b", "a, b and 4 others"; all names unless `named` says how many."""
    names = list(names)
    if named is not None and len(names) > named + 1:
        names = [*names[:named], f"{len(names) - named}\u00a0others"]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 image", "2 images", "2 classes"."""
    return f"{number:,}\u00a0{one if number == 1 else many or one + 's'}"


def sentences(ranking: Ranking) -> list[str]:
    """The answer: which candidate to start from, what does not differ significantly, what is worse.

    Without labels, or with fewer than two candidates, why there is no answer.
    """
    candidates, by = ranking["candidates"], score_named(ranking, ranking["by"])
    if not candidates:
        return ["No candidate could be ranked.", *_failed(ranking)]
    if not ranking["labelled"]:
        if by is None or len(candidates) == 1:
            return [NO_LABELS]
        first = f"By {by['label']}, which needs no labels, {candidates[0]['name']} comes first."
        return [NO_LABELS, first]
    leader = candidates[0]
    if len(candidates) == 1:
        start = f"Only {leader['name']} could be ranked{_reached(by, leader)}."
        return [start, "A ranking needs at least two candidates.", *_failed(ranking)]
    told = [f"Start from {leader['name']}{_reached(by, leader)}."]
    if by and by["trust"] == "untrusted":
        told = [f"Do not rely on this order: {by['label']} {by['why'].rstrip('.')}.", *told]
    # Without an interval there is no group, and nothing to say on who is worse.
    others = [each for each in candidates[1:] if each.get("group") is not None]
    tied = [each for each in others if each["group"] == 1]
    worse = [each for each in others if each["group"] != 1]
    return [*told, *_tied(leader, tied, by), *_worse(worse, by)]


def _reached(by: Score | None, leader: RankedCandidate) -> str:
    measured = by and leader["scores"].get(by["name"], {})
    if not measured or measured.get("value") is None:
        return ""
    bounds = interval(by, measured)
    return f": {by['label']} {amount(by, measured['value'])}" + (f" ({bounds})" if bounds else "")


def _tied(leader: RankedCandidate, tied: list[RankedCandidate], by: Score) -> list[str]:
    if not tied:
        return []
    told = []
    for each in tied:
        difference = behind(by, each.get("difference"))
        told.append(each["name"] + (f" ({difference})" if difference else ""))
    lines = [f"Not significantly different from it: {listed(told, NAMED)}."]
    sized = [each for each in [leader, *tied] if each["parameters"] is not None]
    smallest = min(sized, key=lambda each: each["parameters"], default=leader)
    if smallest is not leader and leader["parameters"] is not None:
        lines.append(
            f"The smallest of these is {smallest['name']}, with "
            f"{magnitude(smallest['parameters'])} parameters instead of "
            f"{magnitude(leader['parameters'])}."
        )
    return lines


def _worse(worse: list[RankedCandidate], by: Score) -> list[str]:
    if not worse:
        return []
    nearest, others = worse[0], len(worse) - 1
    by_how_much = behind(by, nearest.get("difference"))
    value, _, bounds = by_how_much.partition(", ")
    line = f"{nearest['name']} is worse" + (f" by {value}" if value else "")
    line += f" ({bounds})" if bounds else ""
    if others:
        line += f", and so {'is' if others == 1 else 'are'} {counted(others, 'other')}"
    return [f"{line}."]


def _failed(ranking: Ranking) -> list[str]:
    failures = len(ranking["failures"])
    return [f"{counted(failures, 'candidate')} failed; the reasons are below."] if failures else []


def size_of_probe(ranking: Ranking) -> str:
    """ "208 images in 8 classes"."""
    images = ranking["images"]
    text = counted(images["probe"], "image")
    if ranking["labelled"]:
        text += f" in {counted(len(images['classes']), 'class', 'classes')}"
    return text
