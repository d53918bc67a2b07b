"""Numbers and sentences that say how candidates rank, for the page and for the terminal.

They are read from the content of ranking.json (rank/ranking_json.py). A space that must not break
a line is a no-break space.
"""

from collections.abc import Sequence
from pathlib import Path

from basemodel.rank.licences import restriction
from basemodel.rank.ranking_json import (
    Interval,
    Measured,
    RankedCandidate,
    Ranking,
    Score,
    Verified,
)
from basemodel.rank.scores import PREDICTORS

NAMED = 3  # candidates that a sentence names before it counts the rest
LETTERS = "", "k", "M", "G", "T"
MEASURES = {"classes": "accuracy", "tags": "macro average precision", "number": "R²"}
SHORT = {"tags": ", mAP", "number": ", R²"}  # of these, beside a score
TOO_FEW = 0.2  # if only larger differences are shown, the images are too few
NO_LABELS = (
    "The images have no labels, so nothing here can say which model suits them: "
    "put them into one folder per class, or name a table of labels."
)


def coverage(ranking: Ranking) -> str:
    like = "of these classes" if ranking["task"] == "classes" else "like these"
    new = "new groups of images" if ranking["images"].get("groups") else "new images"
    return (
        f"95\u00a0% intervals are for {new} {like}. Fine-tuning may change the order: "
        "`snakemake rank_verify` tests that."
    )


def title(ranking: Ranking, score: Score) -> str:
    """ "linear probe", and what it measures if that is no accuracy."""
    return score["label"] + (SHORT.get(ranking["task"], "") if score["name"] in PREDICTORS else "")


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


def licence(name: str | None) -> str:
    """A licence; "cc-by-nc-4.0 (non-commercial)" if it forbids what a user may want."""
    mark = restriction(name)
    return (name or "–") + (f" ({mark})" if mark else "")


def marked(candidate: RankedCandidate) -> str:
    """Its name, with what its licence forbids: "timm:a (licence: non-commercial)"."""
    mark = restriction(candidate["licence"])
    return candidate["name"] + (f" (licence:\u00a0{mark})" if mark else "")


def amount(score: Score, value: float | None, unit: bool = True) -> str:
    """The value of a score; in per cent or with two decimals if that is its unit, else with three
    significant digits."""
    if value is None:
        return "n/a"
    if score["unit"] == "%":
        return decimal(100 * value) + ("\u00a0%" if unit else "")
    if score["unit"] == "0.01":
        return decimal(value, 2)
    return f"{value:.3g}".replace("-", "−")


def percent(value: float | None) -> str:
    return "–" if value is None else f"{decimal(100 * value)}\u00a0%"


def tuned(verified: Verified, value: float | None) -> str:
    """A value of fine-tuned networks: in per cent, but R²."""
    if value is None:
        return "–"
    return decimal(value, 3) if verified["measure"] == "R²" else percent(value)


def interval(score: Score, measured: Measured | Interval) -> str:
    """ "86.0 to 94.0", or nothing without an interval."""
    low, high = measured.get("low"), measured.get("high")
    if low is None or high is None:
        return ""
    return f"{amount(score, low, unit=False)} to {amount(score, high, unit=False)}"


def behind(score: Score, difference: Interval | None) -> str:
    """How far behind the best: "2.9 points, −0.5 to 6.2", or nothing if that is not known."""
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
    """The answer: which candidates may be the best, which are not, and how much the images show.

    Without labels, or with fewer than two candidates, why there is no answer.
    """
    candidates, by = ranking["candidates"], score_named(ranking, ranking["by"])
    if not candidates:
        return ["No candidate could be ranked.", *_failed(ranking)]
    if not ranking["labelled"]:
        if by is None or len(candidates) == 1:
            return [NO_LABELS]
        first = f"By {by['label']}, which needs no labels, {marked(candidates[0])} comes first."
        return [NO_LABELS, first]
    leader = candidates[0]
    if len(candidates) == 1:
        start = f"Only {marked(leader)} could be ranked{_reached(by, leader)}."
        return [start, "A ranking needs at least two candidates.", *_failed(ranking)]
    return [
        *_start(ranking, by),
        *_untrained(ranking, by),
        *_ruled_out(ranking, by),
        *_resolution(ranking),
    ]


def _reached(by: Score | None, leader: RankedCandidate) -> str:
    measured = by and leader["scores"].get(by["name"], {})
    if not measured or measured.get("value") is None:
        return ""
    bounds = interval(by, measured)
    return f": {by['label']} {amount(by, measured['value'])}" + (f" ({bounds})" if bounds else "")


def _start(ranking: Ranking, by: Score) -> list[str]:
    """What the evidence allows to say: less than "Start from" in three of five cases."""
    leader, evidence = ranking["candidates"][0], ranking["evidence"]
    bounds = interval(by, leader["scores"][by["name"]])
    new = f"about {amount(by, evidence['corrected'])} of new images right ({bounds})"
    if ranking["task"] != "classes":
        measure = MEASURES[ranking["task"]]
        article = "an" if ranking["task"] == "number" else "a"
        new = (
            f"{article} {measure} of about {amount(by, evidence['corrected'])} for new images "
            f"({bounds})"
        )
    match evidence["verdict"]:
        case "untrusted":
            return [
                f"Do not rely on this order: {by['label']} {by['why'].rstrip('.')}.",
                f"By this score {marked(leader)} comes first, with {new}.",
            ]
        case "guessing":
            guessing = amount(by, evidence["guessing"])
            return [
                "No candidate is shown to be better than guessing: "
                f"{marked(leader)} gets {new} by {by['label']}, guessing {guessing}."
            ]
        case "one":
            return [f"Start from {marked(leader)}: its {by['label']} gets {new}."]
    possible = [each for each in ranking["candidates"] if each["possible_best"]]
    names = listed([marked(each) for each in possible], NAMED)
    lines = [
        f"Any of {'the two' if len(possible) == 2 else f'these {len(possible)}'} may be the best: "
        f"{names}."
        if evidence["verdict"] == "any"
        else f"Start from one of {len(possible)} that may be the best: {names}."
    ]
    smallest = _smallest(possible)
    if smallest and smallest is leader:
        lines.append(f"The first is also the smallest, with {_parameters(smallest)}.")
    elif smallest:
        lost = behind(by, {**smallest["behind"], "value": smallest["behind"]["high"]})
        lines.append(
            f"The smallest of them is {marked(smallest)}, with {_parameters(smallest)}: at most "
            f"{lost.partition(', ')[0]} behind the best."
        )
    here = amount(by, leader["scores"][by["name"]]["value"])
    then = f"about {amount(by, evidence['corrected'])} ({bounds})"
    reached = f"gets {here} of these images right, and of new ones {then}"
    if ranking["task"] != "classes":
        reached = f"has {article} {measure} of {here} here, and for new images of {then}"
    return [*lines, f"The {by['label']} of the first {reached}: being first flatters."]


def _smallest(candidates: Sequence[RankedCandidate]) -> RankedCandidate | None:
    """Of those that are networks."""
    sized = [each for each in candidates if each["parameters"] is not None]
    return min(sized, key=lambda each: each["parameters"], default=None)


def _parameters(candidate: RankedCandidate) -> str:
    return f"{magnitude(candidate['parameters'])} parameters"


def _untrained(ranking: Ranking, by: Score) -> list[str]:
    """What the best network without any training gets, or nothing if that is not known."""
    known = [each["scores"].get(by["name"], {}).get("value") for each in ranking["baselines"]]
    known = [value for value in known if value is not None]
    return [f"The best untrained network gets {amount(by, max(known))}."] if known else []


def _ruled_out(ranking: Ranking, by: Score) -> list[str]:
    """The nearest of those that are not the best, with the distance from it, and how many more."""
    out = [each for each in ranking["candidates"] if each["possible_best"] is False]
    if not out or ranking["evidence"]["verdict"] == "untrusted":
        return []
    value, _, bounds = behind(by, out[0]["behind"]).partition(", ")
    line = f"Not the best: {out[0]['name']}, {value} behind ({bounds})"
    return [f"{line}, and {counted(len(out) - 1, 'other')}." if len(out) > 1 else f"{line}."]


def _resolution(ranking: Ranking) -> list[str]:
    """What difference so many images show, and what four times as many would."""
    evidence, images = ranking["evidence"], ranking["images"]["probe"]
    shown = evidence["shown"]
    if shown is None or evidence["verdict"] in ("one", "untrusted"):
        return []
    few = "These are too few images to choose by: " if shown > TOO_FEW else ""
    if ranking["task"] == "number":
        now, then = f"{decimal(shown, 2)} in R²", decimal(shown / 2, 2)
    else:
        now, then = (f"{decimal(100 * each, 0)}\u00a0points" for each in (shown, shown / 2))
    told = f"{few}{images:,} images show only differences of about {now} or more"
    return [f"{told}; four times as many, of {then}."]


def _failed(ranking: Ranking) -> list[str]:
    failures = len(ranking["failures"])
    return [f"{counted(failures, 'candidate')} failed; the reasons are below."] if failures else []


def size_of_probe(ranking: Ranking) -> str:
    """ "208 images in 8 classes", "208 images with 5 tags", "208 images with numbers"."""
    images = ranking["images"]
    text = counted(images["probe"], "image")
    match ranking["task"]:
        case "classes":
            text += f" in {counted(len(images['classes']), 'class', 'classes')}"
        case "tags":
            text += f" with {counted(len(images['classes']), 'different tag')}"
        case "number":
            text += " with numbers"
    if images.get("groups"):
        text += f", {counted(images['groups'], 'group')}"
    return text


def use_of_images(ranking: Ranking) -> str:
    """ "146 of 211 images in 8 classes: 43 held out, 22 over the limit of 30 a class"."""
    use, text = ranking["images"]["use"], size_of_probe(ranking)
    each = " a class" if ranking["task"] == "classes" else ""
    rest = {
        "held out": use["held_out"],
        f"over the limit of {use['limit']}{each}": use["over_limit"],
        "cannot be decoded": use["undecodable"],
        "copies of others": use["copies"],
        "under two labels": use["two_labels"],
        "in classes that are left out": use["left_out"],
    }
    rest = {what: number for what, number in rest.items() if number}
    if not rest:
        return text
    told = ", ".join(f"{number:,}\u00a0{what}" for what, number in rest.items())
    used, _, classes = text.partition("\u00a0")
    return f"{used} of {use['given']:,}\u00a0{classes}: {told}"


def chosen(ranking: Ranking) -> RankedCandidate | None:
    """What to start from: the best of those that were fine-tuned; the first of the ranking, or if
    others may be the best as well, the smallest of them.

    None if the answer recommends none.
    """
    candidates, evidence = ranking["candidates"], ranking["evidence"]
    if not candidates or not evidence or evidence["verdict"] in ("untrusted", "guessing"):
        return None
    best = (ranking["verify"] or {}).get("best")
    found = next((each for each in candidates if each["slug"] == best), None)
    possible = [each for each in candidates if each["possible_best"]]
    return found or _smallest(possible) or candidates[0]


def loading(ranking: Ranking, candidate: RankedCandidate) -> list[str]:
    """Lines of Python that load it with its preprocessing, or the network that was fine-tuned; none
    of embeddings."""
    if kept := (ranking["verify"] or {}).get("kept"):
        return [
            "from basemodel.rank.kept import load",
            f"network = load({str(Path(kept).parent)!r})",
        ]
    if candidate["python"] is None:
        return []
    return ["import basemodel", f"model, transform = basemodel.load({candidate['python']})"]


def embeddings(ranking: Ranking, candidate: RankedCandidate) -> str:
    """The file of a candidate's embeddings of the probe images."""
    return f"{ranking['candidates_folder']}/{candidate['slug']}/arrays/embeddings.npy"


def can_be_verified(ranking: Ranking) -> bool:
    """Whether something is left to fine-tune, and to choose between."""
    networks = [each for each in ranking["candidates"] if each["python"] is not None]
    return ranking["labelled"] and len(networks) > 1 and not ranking["verify"]
