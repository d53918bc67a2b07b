"""Where things go in the drawings of the ranking's page; the template draws them as SVG.

Lengths are in units of the drawings' view boxes. Positions are rounded to a tenth, so that equal
rankings give equal bytes.
"""

import math
from collections import Counter
from typing import Any

from basemodel.report import rank_words as words

WIDTH, HEIGHT = 360, 280
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 12, 38
BAR = 110  # the width of the small interval of a table's cell
LETTER, LINE = 6.4, 12  # the average width and the height of a label's letter
LABEL = 26  # letters
MARK = 5  # half the side of a point with some air


def scatter(
    candidates: list[dict[str, Any]], score: dict[str, Any], field: str
) -> dict[str, Any] | None:
    """The points of the score (upward) against `field` (logarithmic), with labels that fit.

    A point: x, y, low and high (of its interval, or None), candidate, group, label or None, with
    the label's place. None if fewer than two candidates have both values.
    """
    drawn = [
        (place, each, float(each[field]), each["scores"][score["name"]])
        for place, each in enumerate(candidates, 1)
        if (each[field] or 0) > 0
        and (each["scores"].get(score["name"]) or {}).get("value") is not None
    ]
    if len(drawn) < 2:
        return None
    across = _log_scale([x for _, _, x, _ in drawn])
    seen = [m.get(key) for *_, m in drawn for key in ("value", "low", "high")]
    upward = _linear_scale([value for value in seen if value is not None])
    points = [
        {
            "candidate": each,
            "x": across(x),
            "y": upward(m["value"]),
            "low": None if m.get("low") is None else upward(m["low"]),
            "high": None if m.get("high") is None else upward(m["high"]),
            "place": place,
            "first": each.get("group") == 1 or (each.get("group") is None and place == 1),
        }
        for place, each, x, m in drawn
    ]
    _label(points, short_names(candidates))
    return {
        "points": points,
        "x_ticks": _apart([{"at": across(x), "text": words.magnitude(x)} for x in across.ticks]),
        "y_ticks": [
            {"at": upward(y), "text": words.amount(score, y, unit=False)} for y in upward.ticks
        ],
        "missing": len(candidates) - len(drawn),
    }


class _Scale:
    """From values to positions on a drawing."""

    def __init__(self, low: float, high: float, start: float, end: float, log: bool) -> None:
        self.turn = math.log10 if log else float
        self.low, self.high = self.turn(low), self.turn(high)
        self.start, self.end = start, end
        self.ticks = [
            tick for tick in (_log_ticks if log else _ticks)(low, high) if low <= tick <= high
        ]

    def __call__(self, value: float) -> float:
        share = (self.turn(value) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def _log_scale(values: list[float]) -> _Scale:
    low, high = min(values), max(values)
    air = max((high / low) ** 0.08, 1.15)
    return _Scale(low / air, high * air, LEFT, WIDTH - RIGHT, log=True)


def _linear_scale(values: list[float]) -> _Scale:
    low, high = min(values), max(values)
    air = 0.06 * (high - low) or max(abs(high) * 0.1, 0.01)
    return _Scale(low - air, high + air, HEIGHT - BOTTOM, TOP, log=False)


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round values."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(m for m in (5, 2, 1) if m == 1 or (high - low) / (m * step) >= 4)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Round values; 1, 2 and 5 times powers of ten, or powers alone, where the range is wide."""
    if high / low < 6:
        return _ticks(low, high)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    heads = (1, 2, 5) if high / low < 1000 else (1,)
    return [head * 10**exponent for exponent in exponents for head in heads]


def _apart(ticks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the ticks, from left to right, whose text does not touch the text before it."""
    kept: list[dict[str, Any]] = []
    for tick in ticks:
        if not kept or (
            tick["at"] - kept[-1]["at"]
            > LETTER * (len(tick["text"]) + len(kept[-1]["text"])) / 2 + LETTER
        ):
            kept.append(tick)
    return kept


def short_names(candidates: list[dict[str, Any]]) -> dict[str, str]:
    """A label for each slug: the architecture, with its weights or its source if it needs them.

    A file of weights has its own name.
    """
    whole = {each["slug"]: each["name"] for each in candidates}
    plain = {slug: name.partition(":")[2] or name for slug, name in whole.items()}
    bare = {
        each["slug"]: each["architecture"].partition(":")[2] or each["architecture"]
        for each in candidates
        if not each["name"].startswith("file:")
    }
    labels = {}
    for slug, name in whole.items():
        for names in (plain | bare, plain):
            if Counter(names.values())[names[slug]] == 1:
                name = names[slug]
                break
        if len(name) > LABEL:
            half = LABEL // 2
            name = f"{name[: half - 1]}…{name[-half:]}"
        labels[slug] = name
    return labels


def _label(points: list[dict[str, Any]], names: dict[str, str]) -> None:
    """Give labels to points where they cover neither a point nor another label.

    Where the name does not fit the place in the ranking may; the best candidates choose first.
    """
    taken = [(p["x"] - MARK, p["y"] - MARK, p["x"] + MARK, p["y"] + MARK) for p in points]
    for point in points:
        point["label"] = None
        for text in (names[point["candidate"]["slug"]], str(point["place"])):
            width = LETTER * len(text)
            found = [each for each in _places(point, width) if _free(_box(*each, width), taken)]
            if found:
                anchor, x, top = found[0]
                taken.append(_box(anchor, x, top, width))
                point |= {"label": text, "anchor": anchor}
                point |= {"label_x": round(x, 1), "label_y": round(top + LINE - 3, 1)}
                break


def _places(point: dict[str, Any], width: float) -> list[tuple[str, float, float]]:
    """Where a label may go: right and left of the point, then below and above it.

    Each is the text's anchor, its x, and its top, so that it keeps its distance from the point
    also where a font is narrower or wider than expected.
    """
    x, y = point["x"], point["y"]
    sides = [("start", x + MARK + 2), ("end", x - MARK - 2)]
    beside = [
        (anchor, at, y - LINE / 2 + shift) for shift in (0, -6, 6, -11, 11) for anchor, at in sides
    ]
    return [*beside, ("middle", x, y + MARK + 1), ("middle", x, y - MARK - LINE - 1)]


def _box(anchor: str, x: float, top: float, width: float) -> tuple[float, float, float, float]:
    left = x - {"start": 0, "middle": width / 2, "end": width}[anchor]
    return left, top, left + width, top + LINE


def _free(box: tuple[float, ...], taken: list[tuple[float, ...]]) -> bool:
    left, top, right, bottom = box
    if left < LEFT or right > WIDTH or top < 0 or bottom > HEIGHT - BOTTOM:
        return False
    return not any(
        left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
        for other in taken
    )


def bar_scale(measured: list[dict[str, Any] | None], zero: bool = False) -> tuple[float, float]:
    """The lowest and the highest value of the small intervals that are to be comparable."""
    values = [
        each[key]
        for each in measured
        if each
        for key in ("value", "low", "high")
        if each.get(key) is not None
    ]
    values += [0.0] if zero else []
    return (min(values), max(values)) if values else (0.0, 1.0)


def bar(measured: dict[str, Any] | None, scale: tuple[float, float]) -> dict[str, float] | None:
    """Positions of a small interval: its value, its ends (the value if unknown), and of zero."""
    if not measured or measured.get("value") is None:
        return None
    low, high = scale
    span = (high - low) or 1.0

    def at(value: float) -> float:
        return round(4 + (BAR - 8) * (value - low) / span, 1)

    value = measured["value"]
    ends = {
        key: at(value if measured.get(key) is None else measured[key]) for key in ("low", "high")
    }
    return {"value": at(value), **ends, "zero": at(0.0) if low <= 0 <= high else None}
