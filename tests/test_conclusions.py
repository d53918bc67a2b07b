"""The comparison in sentences: what is claimed follows from the tables, each with its interval."""

import numpy as np
import pandas as pd
import pytest

from basemodel.report.conclusions import conclusions

PAPER = ["S1", "S3"]
ONE, SEVERAL = "one architecture", "all architectures"


def comparison(scopes=(ONE, SEVERAL)) -> dict[str, pd.DataFrame]:
    """Four metrics; LogME beats S1 and source_accuracy; its difference from S3 may be chance."""
    means = {"S1": 0.6, "S3": 0.75, "LogME": 0.8, "source_accuracy": 0.3}
    rows = [
        (scope, m, rho, rho - 0.1, rho + 0.1, rho / 2, rho / 2 - 0.2, rho / 2 + 0.2, 0.9)
        for scope in scopes
        for m, rho in means.items()
    ]
    columns = "scope metric mean_rho low high mean_within within_low within_high stability"
    mean_rho = pd.DataFrame(rows, columns=columns.split())
    differences = pd.DataFrame(
        [
            (scope, *row)
            for scope in scopes
            for row in [
                ("LogME", "S1", 0.2, 0.1, 0.3),
                ("LogME", "S3", 0.05, -0.02, 0.12),
                ("LogME", "source_accuracy", 0.5, 0.4, 0.6),
                ("S3", "S1", 0.15, 0.05, 0.25),
                ("S3", "source_accuracy", 0.45, 0.3, 0.6),
                ("S1", "source_accuracy", 0.3, 0.1, 0.5),
            ]
        ],
        columns=["scope", "first", "second", "difference", "low", "high"],
    )
    mean_regret = pd.DataFrame(
        [(scope, m, 2.5, -0.5, 5.5) for scope in scopes for m in [*means, "random"]],
        columns=["scope", "metric", "regret_1", "regret_1_low", "regret_1_high"],
    )
    ceiling = pd.DataFrame(
        [("vgg16", "a", 0.9, 0.8), ("vgg16", "b", 0.94, np.nan), ("all", "a", 0.98, 0.97)],
        columns=["architecture", "target", "ceiling", "ceiling_within"],
    )
    optimism = pd.DataFrame(
        [
            ("target", "pair", 0.84, 0.8, 0.88, 0.83, 0.7, 0.9, 0.01, -0.03, 0.05),
            ("target", "gain", 0.01, -0.01, 0.03, 0.0, -0.02, 0.02, 0.01, 0.0, 0.02),
            ("architecture", "pair", 0.84, 0.8, 0.88, *[np.nan] * 6),
            ("architecture", "gain", 0.01, -0.01, 0.03, *[np.nan] * 6),
        ],
        columns=["left_out", "what"]
        + [
            f"{name}{end}"
            for name in ("in_sample", "held_out", "optimism")
            for end in ("", "_low", "_high")
        ],
    )
    return {
        "mean_rho": mean_rho, "differences": differences, "mean_regret": mean_regret,
        "ceiling": ceiling, "optimism": optimism,
    }  # fmt: skip


def text(**changed) -> str:
    lines = list(conclusions(*(comparison() | changed).values(), PAPER))
    assert all(len(line) <= 100 for line in lines)
    return " ".join(" ".join(lines).split())


def test_what_is_real_and_what_is_not():
    said = text()
    assert said.count("LogME has the highest mean rho.") == 2  # once for each scope
    assert (
        "It beats S1 (0.20, 0.10 to 0.30), source_accuracy (0.50, 0.40 to 0.60). It is not "
        "significantly different from S3 (0.05, -0.02 to 0.12). The best static baseline is "
        "source_accuracy."
    ) in said


def test_the_table_is_ordered_and_ends_with_chance_and_the_ceiling():
    lines = list(conclusions(*comparison().values(), PAPER))
    start = lines.index("Over the base models of one architecture, the mean over cells:")
    names = [line.split()[0] for line in lines[start + 2 : start + 8]]
    assert names == ["LogME", "S3", "S1", "source_accuracy", "random", "ceiling"]
    row = " ".join(lines[start + 2].split())
    assert row == "LogME 0.80 (0.70 to 0.90) 0.40 (0.20 to 0.60) 0.90 2.5 (0.0 to 5.5)"
    assert lines[start + 7].split() == ["ceiling", "0.92", "0.80"]  # means over defined cells
    assert [line for line in lines if line.startswith("ceiling")][1].split()[1:] == ["0.98", "0.97"]


def test_the_pair_in_sample_and_held_out():
    assert (
        "The pair of section 3 is better than its better half by 0.01 (-0.01 to 0.03) on the cells "
        "that it was chosen on. Chosen without one target and judged on it, the gain is 0.00 "
        "(-0.02 to 0.02), and the mean rho of the pair 0.83 (0.70 to 0.90): an optimism of 0.01 "
        "(-0.03 to 0.05)."
    ) in text()
    assert "without one architecture" not in text()  # undefined: there is only one


@pytest.mark.parametrize("what", ["no interval", "undefined", "one scope", "no pair"])
def test_what_is_undefined_is_not_claimed(what):
    tables = comparison()
    if what == "no interval":
        tables["mean_rho"][["low", "high"]] = np.nan
        tables["differences"][["low", "high"]] = np.nan
        said = text(**tables)
        assert "It beats" not in said and "S1 (0.20)" in said
    elif what == "undefined":
        tables["mean_rho"][["mean_rho", "low", "high"]] = np.nan
        assert "No metric has a defined mean rho." in text(**tables)
    elif what == "one scope":
        assert "all base models of a target" not in text(**comparison([ONE]))
    else:
        tables["optimism"].loc[:, "in_sample":] = np.nan
        assert "No pair was chosen" in text(**tables)
