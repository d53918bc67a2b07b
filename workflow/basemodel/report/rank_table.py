"""The table of candidates: cells with a text, a value to sort by, and a small interval."""

from collections.abc import Callable, Sequence
from typing import Any

from basemodel.report import rank_plots as plots
from basemodel.report import rank_words as words
from basemodel.selection.ranking_json import RankedCandidate, Ranking, Score


def _plain(value: Any) -> str:
    return "–" if value is None else str(value)


def _yes_or_no(value: bool | None) -> str:
    return "–" if value is None else "yes" if value else "no"


# A candidate's field, heading, how it is written, and whether a large one comes first.
Fact = tuple[str, str, Callable[[Any], str], bool]
POSSIBLE: Fact = ("possible_best", "may be best", _yes_or_no, True)
FACTS: list[Fact] = [
    ("parameters", "parameters", words.magnitude, False),
    ("multiply_adds", "multiply-adds", words.magnitude, False),
    ("licence", "licence", words.licence, False),
    ("side", "input side", _plain, False),
]
FURTHER_FACTS: list[Fact] = [
    ("imagenet", "ImageNet", words.percent, True),
    ("source_classes", "source classes", _plain, True),
]
WARNINGS = {"untrusted": "not trusted", "within": "one architecture"}


def candidate_table(ranking: Ranking, main: Sequence[str]) -> dict[str, Any]:
    """Columns {title, first, more, warning} and rows {name, baseline, rank, cells}; and whether
    it is said which may be the best, and intervals of the first score.

    `main`: the names of the scores that are always shown, the first with its interval; columns
    with `more` are behind a switch. A cell: text, value to sort by or None, note, bar or None.
    Rows are the candidates in the order of the answer, then the untrained baselines.
    """
    everyone = [*ranking["candidates"], *ranking["baselines"]]
    compared = ranking["evidence"] is not None
    named = {score["name"]: score for score in ranking["scores"]}
    always = [named.pop(name) for name in dict.fromkeys(main) if name in named]
    columns = [
        *(_score(ranking, score, everyone, bars=True) for score in always[:1]),
        *(_fact(POSSIBLE, everyone) for _ in range(compared)),
        *(_score(ranking, score, everyone) for score in always[1:]),
        *(_fact(fact, everyone) for fact in FACTS),
        *(_score(ranking, score, everyone, more=True) for score in named.values()),
        *(_fact(fact, everyone, more=True) for fact in FURTHER_FACTS),
    ]
    cells = zip(*(column.pop("cells") for column in columns), strict=True)
    rows = [
        {"name": each["name"], "baseline": each["baseline"], "rank": each["rank"], "cells": row}
        for each, row in zip(everyone, cells, strict=True)
    ]
    firsts = [each["scores"].get(main[0]) or {} for each in everyone]
    intervals = any(measured.get("low") is not None for measured in firsts)
    return {"columns": columns, "rows": rows, "compared": compared, "intervals": intervals}


def _fact(fact: Fact, everyone: list[RankedCandidate], more: bool = False) -> dict[str, Any]:
    field, title, text, large_first = fact
    values = [each.get(field) for each in everyone]
    cells = [{"text": text(value), "value": value, "note": "", "bar": None} for value in values]
    return _column(title, large_first, more, "", cells)


def _score(
    ranking: Ranking,
    score: Score,
    everyone: list[RankedCandidate],
    more: bool = False,
    bars: bool = False,
) -> dict[str, Any]:
    measured = [each["scores"].get(score["name"]) or {"value": None} for each in everyone]
    scale = plots.bar_scale(measured)
    cells = [
        {
            "text": words.amount(score, each["value"]),
            "value": each["value"],
            "note": words.interval(score, each) or each.get("note", ""),
            "bar": plots.bar(each, scale) if bars else None,
        }
        for each in measured
    ]
    warning = WARNINGS.get(score["trust"], "")
    return _column(words.title(ranking, score), score["larger_is_better"], more, warning, cells)


def _column(
    title: str, large_first: bool, more: bool, warning: str, cells: list[dict[str, Any]]
) -> dict[str, Any]:
    first = "descending" if large_first else "ascending"
    return {"title": title, "first": first, "more": more, "warning": warning, "cells": cells}
