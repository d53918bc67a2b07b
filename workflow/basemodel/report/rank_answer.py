"""The answer of `snakemake rank` for a terminal: lines of at most 100 columns.

There are at most 19 of them, unless reasons for failures take more: these are never cut.
"""

import unicodedata
from textwrap import wrap

from basemodel.files import shown
from basemodel.report import rank_words as words
from basemodel.selection.licences import restriction
from basemodel.selection.ranking_json import RankedCandidate, Ranking, Score

WIDTH, LINES = 100, 19
ROWS = 4  # of the table, at least
LONGEST = 48  # columns of a name in a sentence
NAME, SCORE, LICENCE = 40, 22, 14  # columns of the table


def terminal(ranking: Ranking, table: bool = True) -> str:
    """The answer, the first rows of the table, and what failed or is not to be trusted.

    `ranking`: the content of ranking.json; `table`: whether its rows are wanted. Characters of
    names that could not be printed, or that would steer the terminal, are shown as `?`.
    """
    candidates = [
        {**each, "name": _shortened(_printable(each["name"]), LONGEST)}
        for each in ranking["candidates"]
    ]
    ranking = {**ranking, "candidates": candidates}
    head = [
        *_clipped(f"{ranking['name']}: {words.use_of_images(ranking)}", 2),
        *_clipped(" ".join(words.sentences(ranking)), 5),
    ]
    if ranking["labelled"] and len(candidates) > 1:
        head += _clipped(words.coverage(ranking), 2)
    tail, failures = _tail(ranking), _failures(ranking)
    room = LINES - len(head) - len(tail)
    room = max(room - len(failures), min(room, ROWS + 2))
    rows = _table(ranking, room) if table else []
    return "".join(f"{line.rstrip()}\n" for line in [*head, *rows, *tail, *failures])


def next_steps(ranking: Ranking) -> str:
    """What to do now, in lines to be copied, which are as long as they are."""
    lines = []
    if chosen := words.chosen(ranking):
        if loading := words.loading(ranking, chosen):
            lines += [f"To use {chosen['name']} in Python:", *(f"    {line}" for line in loading)]
        lines += ["Its embeddings of these images:", f"    {words.embeddings(ranking, chosen)}"]
    if words.can_be_verified(ranking):
        lines += ["To fine-tune the first few, and see:", f"    {ranking['verify_command']}"]
    return shown("".join(f"{line}\n" for line in lines))


def _table(ranking: Ranking, room: int) -> list[str]:
    """A heading, as many rows as there is room for, and how many more there are."""
    candidates, by = ranking["candidates"], words.score_named(ranking, ranking["by"])
    if not candidates or room < 2:
        return []
    evidence = ranking["evidence"]
    sure = evidence is not None and evidence["verdict"] != "untrusted"
    equal = [sure and bool(each["possible_best"]) and i > 1 for i, each in enumerate(candidates, 1)]
    rows = [_row(i, each, by, equal[i - 1]) for i, each in enumerate(candidates, 1)]
    if len(rows) + 1 > room:
        fitting = max(0, room - 2)
        rows = [*rows[:fitting], f"    … {len(rows) - fitting} more, in the report"]
    title = words.title(ranking, by) if by else ""
    name = "candidate (= may be the best as well)" if any(equal) else "candidate"
    heading = ["", name, title, "params", "mult-adds", "licence"]
    return [_columns(heading), *rows]


def _row(i: int, each: RankedCandidate, by: Score | None, equal: bool) -> str:
    measured = by and each["scores"].get(by["name"]) or {}
    score = words.amount(by, measured.get("value")) if by else ""
    bounds = words.interval(by, measured) if by else ""
    return _columns(
        [
            f"{i}{'=' if equal else ''}",
            each["name"],
            f"{score} ({bounds})" if bounds else score,
            words.magnitude(each["parameters"]),
            words.magnitude(each["multiply_adds"]),
            restriction(each["licence"]) or each["licence"] or "–",
        ]
    )


def _columns(cells: list[str]) -> str:
    rank, name, score, parameters, multiply_adds, licence = map(_printable, cells)
    return (
        f"{rank:>3} {_fitted(_shortened(name, NAME), NAME)} {_fitted(score, SCORE)}"
        f"{parameters:>8}{multiply_adds:>10} {_cut(licence, LICENCE)}"
    )


def _tail(ranking: Ranking) -> list[str]:
    lines = []
    untrusted = [score["label"] for score in ranking["scores"] if score["trust"] == "untrusted"]
    if untrusted:
        lines += _clipped(f"Not to be trusted here: {words.listed(untrusted, 6)}.", 1)
    if verified := ranking.get("verify"):
        lines += _clipped(f"Fine-tuned: {verified['sentence']}", 6)
    if problems := ranking["images"]["problems"]:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        lines += [_cut(_printable(f"Images: {problems[0]}"), WIDTH - len(more)) + more]
    return lines


def _failures(ranking: Ranking) -> list[str]:
    lines: list[str] = []
    failures = ranking["failures"]
    told = failures if len(failures) <= 2 else failures[:1]
    for each in told:
        lines += _clipped(f"Failed: {each['name']}: {each['reason']}: {each['remedy']}")
    if len(failures) > len(told):
        lines.append(f"{len(failures) - len(told)} more failed: see the report.")
    return lines


def _clipped(text: str, lines: int | None = None) -> list[str]:
    """Wrapped to the width; what does not fit into so many lines, if it is said, is cut off."""
    text = _printable(text)
    # Where a letter takes two columns, half as many letters fit.
    width = WIDTH * len(text) // max(_columns_of(text), 1)
    found = wrap(text, max(width, WIDTH // 2), max_lines=lines, placeholder=" …")
    return [_cut(line, WIDTH) for line in found]


def _printable(text: str) -> str:
    text = text.replace("\u00a0", " ")
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _columns_of(text: str) -> int:
    """How many columns a terminal takes; letters of East Asia take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _cut(text: str, width: int) -> str:
    if _columns_of(text) <= width:
        return text
    while _columns_of(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def _shortened(name: str, width: int) -> str:
    """Without its middle if it is too long: names often differ at the end."""
    if _columns_of(name) <= width:
        return name
    half = width // 2
    start, end = _cut(name, half), _cut(name[::-1], half)[::-1]
    return start + end.removeprefix("…")


def _fitted(text: str, width: int) -> str:
    text = _cut(text, width)
    return text + " " * (width - _columns_of(text))
