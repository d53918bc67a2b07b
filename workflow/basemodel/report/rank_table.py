"""The table of candidates: cells with a text, a value to sort by, and a small interval."""

from collections.abc import Callable
from typing import Any

from basemodel.rank.ranking_json import RankedCandidate, Ranking, Score
from basemodel.report import rank_plots as plots
from basemodel.report import rank_words as words

# A candidate's fields: heading, how it is written, and whether a large one comes first.
Facts = dict[str, tuple[str, Callable[[Any], str], bool]]


def _plain(value: Any) -> str:
    return "–" if value is None else str(value)


FACTS: Facts = {
    "parameters": ("parameters", words.magnitude, False),
    "multiply_adds": ("multiply-adds", words.magnitude, False),
    "images_per_second": ("images/s", lambda v: "–" if v is None else words.decimal(v), True),
    "licence": ("licence", _plain, False),
    "side": ("input side", _plain, False),
}
FURTHER_FACTS: Facts = {
    "imagenet": ("ImageNet", words.percent, True),
    "source_classes": ("source classes", _plain, True),
}


def candidate_table(ranking: Ranking, main: list[str]) -> dict[str, Any]:
    """Columns {title, first, more, warning} and rows {name, control, place, cells}; and whether
    there are groups, and intervals of the first score.

    `main`: the names of the scores that are always shown, the first with its interval; columns
    with `more` are behind a switch. A cell: text, value to sort by or None, note, bar or None.
    Rows are the candidates in the order of the answer, then the untrained baselines.
    """
    scores = {score["name"]: score for score in ranking["scores"]}
    always = [scores[name] for name in dict.fromkeys(main) if name in scores]
    further = [score for score in ranking["scores"] if score not in always]
    everyone = [*ranking["candidates"], *ranking["controls"]]
    grouped = any(each.get("group") is not None for each in ranking["candidates"])
    scale = (
        plots.bar_scale([each["scores"].get(always[0]["name"]) for each in everyone])
        if always
        else (0.0, 1.0)
    )
    columns = [
        *(_score_column(score, False) for score in always[:1]),
        *([_column("group", False)] if grouped else []),
        *(_score_column(score, False) for score in always[1:]),
        *(_column(title, large) for title, _, large in FACTS.values()),
        *(_score_column(score, True) for score in further),
        *(_column(title, large, True) for title, _, large in FURTHER_FACTS.values()),
    ]
    rows = [
        {
            "name": each["name"],
            "control": each["control"],
            "place": i if not each["control"] else None,
            "cells": [
                *(_score(each, score, scale) for score in always[:1]),
                *([_fact(each.get("group"), _plain)] if grouped else []),
                *(_score(each, score, None) for score in always[1:]),
                *(_fact(each.get(field), text) for field, (_, text, _) in FACTS.items()),
                *(_score(each, score, None) for score in further),
                *(_fact(each.get(field), text) for field, (_, text, _) in FURTHER_FACTS.items()),
            ],
        }
        for i, each in enumerate(everyone, 1)
    ]
    bars = [measured for each in everyone if (measured := each["scores"].get(main[0]))]
    intervals = any(measured.get("low") is not None for measured in bars)
    return {"columns": columns, "rows": rows, "grouped": grouped, "intervals": intervals}


def _column(title: str, large_first: bool, more: bool = False) -> dict[str, Any]:
    first = "descending" if large_first else "ascending"
    return {"title": title, "first": first, "more": more, "warning": ""}


def _score_column(score: Score, more: bool) -> dict[str, Any]:
    warnings = {"untrusted": "not trusted", "within": "one architecture"}
    column = _column(score["label"], score["larger_is_better"], more)
    return {**column, "warning": warnings.get(score["trust"], "")}


def _fact(value: Any, text: Callable[[Any], str]) -> dict[str, Any]:
    return {"text": text(value), "value": value, "note": "", "bar": None}


def _score(
    each: RankedCandidate, score: Score, scale: tuple[float, float] | None
) -> dict[str, Any]:
    measured = each["scores"].get(score["name"]) or {"value": None}
    return {
        "text": words.amount(score, measured["value"]),
        "value": measured["value"],
        "note": words.interval(score, measured) or measured.get("note", ""),
        "bar": plots.bar(measured, scale) if scale else None,
    }
