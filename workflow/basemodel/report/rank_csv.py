"""The table of candidates as a file, ranking.csv."""

from typing import Any

from basemodel.selection.ranking_json import Ranking


def csv_rows(found: Ranking) -> list[dict[str, Any]]:
    """Rows of ranking.csv: every candidate, untrained baseline and failure, with every score."""
    rows = []
    for candidate in [*found["candidates"], *found["baselines"]]:
        row = {
            "place": candidate["rank"],
            "possible_best": candidate["possible_best"],
            "name": candidate["name"],
            "control": candidate["baseline"],
        }
        for end in ("value", "low", "high"):
            row[f"behind_{end}"] = (candidate["behind"] or {}).get(end)
        for name, score in candidate["scores"].items():
            row |= {name: score["value"], f"{name}_low": score.get("low")}
            row |= {f"{name}_high": score.get("high")}
        for key in (
            "parameters", "multiply_adds", "images_per_second", "side", "licence", "imagenet",
            "source_classes", "sha256",
        ):  # fmt: skip
            row[key] = candidate[key]
        rows.append(row | {"failed": None, "remedy": None})
    for failure in found["failures"]:
        rows.append(
            {"name": failure["name"], "failed": failure["reason"], "remedy": failure["remedy"]}
        )
    return rows
