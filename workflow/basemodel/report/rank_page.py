"""The page of `snakemake rank`: one HTML file that loads nothing else."""

import base64
import hashlib
import re
from functools import cache
from typing import Any

from jinja2 import Template
from markupsafe import Markup, escape

from basemodel.files import shown
from basemodel.report import rank_plots as plots
from basemodel.report import rank_words as words
from basemodel.report.environment import TEMPLATES, environment
from basemodel.report.rank_table import candidate_table
from basemodel.selection.pooled_scores import ERROR, RHO
from basemodel.selection.ranking_json import Ranking, Score

NEAREST = "kNN"  # shown beside the score that orders the table
ROWS = 15  # of the table of candidates, before it is unfolded
FEW = 5  # of other lists
AGREEING = 5  # candidates: a rank correlation over fewer is chance
MATRIX = 20  # classes: a larger confusion matrix is only listed
MISTAKES = 12  # the most frequent ones
TRUST = {
    "trusted": "compares the candidates",
    "untrusted": "not to be trusted here",
    "within": "compares within an architecture only",
    "n/a": "not applicable",
}
PICTURE = re.compile(r"data:image/(jpeg|png|webp|gif);base64,[A-Za-z0-9+/=]+")


def page(ranking: Ranking) -> str:
    """The whole page as HTML, the same for equal rankings.

    `ranking`: the content of ranking.json. Names and texts in it are escaped; a thumbnail that is
    not a data URL of an image is left out. The page's policy (CSP) forbids everything that is not
    in the file: only the one script whose hash it names runs.
    """
    by = words.score_named(ranking, ranking["by"])
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    html = _template().render(
        r=ranking,
        by=by,
        words=words,
        plots=plots,
        css=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=digest,
        sentences=words.sentences(ranking),
        table=candidate_table(ranking, [ranking["by"], RHO, ERROR, NEAREST]),
        rows=ROWS,
        few=FEW,
        scatters=_scatters(ranking, by),
        differences=_differences(ranking, by),
        agreement=_agreement(ranking),
        agreeing=AGREEING,
        static=_static(ranking),
        trust=TRUST,
        chosen=words.chosen(ranking),
        hard=_hard(ranking),
        confusion=_confusion(ranking),
    )
    return shown(html)


@cache
def _template() -> Template:
    filled = environment()
    filled.filters |= {"breakable": _breakable, "code": _code, "key": _key}
    return filled.get_template("page.html.j2")


def _breakable(name: str) -> Markup:
    """A text in which long names may be broken after separators, but numbers may not."""
    parts = re.split(r"(?<=[:/_])(?=\w)|(?<=[.-])(?=[a-z])", name)
    return Markup("<wbr>").join(escape(part) for part in parts)


def _key(value: Any) -> str:
    """What a cell sorts by, short."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _code(text: str) -> Markup:
    """Commands between grave accents as <code>."""
    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def _scatters(ranking: Ranking, by: Score | None) -> list[dict[str, Any]]:
    axes = {
        "multiply_adds": "multiply-adds for one image",
        "parameters": "parameters",
    }
    names, found = plots.short_names(ranking["candidates"]), []
    for cost, title in axes.items():
        drawn = plots.drawable(ranking["candidates"], by, cost) if by else []
        if len(drawn) > 1:
            figure = plots.scatter(drawn, by, cost, names)
            missing = len(ranking["candidates"]) - len(drawn)
            found.append({"title": title, "svg": plots.svg(figure, drawn), "missing": missing})
    return found


def _differences(ranking: Ranking, by: Score | None) -> list[dict[str, Any]]:
    """How far each candidate is behind the best of the others, and its small interval."""
    if not by:
        return []
    behind = [each for each in ranking["candidates"][1:] if each.get("behind")]
    scale = plots.bar_scale([each["behind"] for each in behind], 0)
    return [
        {
            "name": each["name"],
            "possible": each["possible_best"],
            "text": words.behind(by, each["behind"]),
            "bar": plots.bar(each["behind"], scale),
        }
        for each in behind
    ]


def _agreement(ranking: Ranking) -> dict[str, Any] | None:
    """Labels, and rows of ρ with the strength of their colour in per cent."""
    names, rho = ranking["agreement"]["scores"], ranking["agreement"]["rho"]
    if len(ranking["candidates"]) < AGREEING or not names:
        return None
    labels = [(words.score_named(ranking, name) or {"label": name})["label"] for name in names]
    rows = [
        [
            {
                "text": "–" if value is None else words.decimal(value, 2),
                "strength": round(60 * abs(value or 0)),
                "sign": "minus" if (value or 0) < 0 else "plus",
            }
            for value in row
        ]
        for row in rho
    ]
    return {"labels": labels, "rows": list(zip(labels, rows, strict=True))}


def _static(ranking: Ranking) -> dict[str, Any] | None:
    """What the order without any image would have been, and where the leader is in it."""
    names = {each["slug"]: each["name"] for each in ranking["candidates"]}
    slugs = [slug for slug in ranking["static_order"]["slugs"] if slug in names]
    if len(names) < 2 or not slugs:
        return None
    leader = ranking["candidates"][0]["slug"]
    by = {
        "imagenet": "accuracy on ImageNet alone",
        "parameters": "number of parameters alone, largest first",
    }
    return {
        "by": by.get(ranking["static_order"]["by"], ranking["static_order"]["by"]),
        "names": [names[slug] for slug in slugs],
        "leader": slugs.index(leader) + 1 if leader in slugs else None,
    }


def _hard(ranking: Ranking) -> list[dict[str, Any]]:
    found = []
    for image in ranking.get("hard_images") or []:
        picture = image["thumbnail"] if PICTURE.fullmatch(image["thumbnail"] or "") else None
        predicted = words.listed([f"{label} ({n})" for label, n in image["predicted"]])
        found.append({**image, "thumbnail": picture, "predicted": predicted})
    return found


def _confusion(ranking: Ranking) -> dict[str, Any] | None:
    """The matrix if it is small, and the most frequent mistakes."""
    confusion = ranking.get("confusion")
    if not confusion:
        return None
    classes, counts = confusion["classes"], confusion["counts"]
    totals = [sum(row) for row in counts]
    mistakes = sorted(
        (-n, true, predicted)
        for true, row in enumerate(counts)
        for predicted, n in enumerate(row)
        if n and true != predicted
    )
    rows = [
        {
            "label": label,
            "cells": [
                {"n": n, "strength": round(60 * n / max(total, 1)), "right": i == j}
                for j, n in enumerate(row)
            ],
        }
        for i, (label, total, row) in enumerate(zip(classes, totals, counts, strict=True))
        if len(classes) <= MATRIX
    ]
    return {
        "candidate": confusion["candidate"],
        "classes": classes,
        "rows": rows,
        "mistakes": [
            {"true": classes[t], "predicted": classes[p], "n": -n, "total": totals[t]}
            for n, t, p in mistakes[:MISTAKES]
        ],
        "left_out": max(len(mistakes) - MISTAKES, 0),
    }
