"""`snakemake compare`, as docs/compare.md shows it, on a copy of the project."""

import subprocess

import pandas as pd

DOCS = "docs/compare.md"


def run(project, *arguments):
    """A command without the smoke experiment; what it printed, on one line, and its status."""
    start = project.command()[:3]
    done = subprocess.run(
        [*start, "compare", "--cores", "1", *arguments],
        cwd=project.folder, env=project.environment(), capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    return " ".join((done.stdout + done.stderr).split()), done.returncode


def test_the_documented_commands(fresh):
    text = (fresh.folder / DOCS).read_text(encoding="utf-8")
    commands = [line for line in text.splitlines() if line.startswith("snakemake compare")]
    assert commands[0].endswith("--config table=benchmarks/tables/zoo10.csv larger_is_better=true")
    said, status = run(fresh, "--config", *commands[0].split("--config ")[1].split())
    assert status == 0, said
    shown = text.split("```\n")[3]  # the outcome, below the command
    for line in shown.strip().splitlines():
        assert " ".join(line.split()) in said, line
    folder = fresh.folder / "results" / "compare" / "zoo10"
    assert (folder / "report.html").is_file() and (folder / "figures" / "figure7.pdf").is_file()
    assert len(pd.read_csv(folder / "tables" / "mean_rho.csv")) == 9

    # The second: another table and settings by name. The first is left as it is.
    pd.read_csv(fresh.folder / "benchmarks" / "tables" / "tll.csv").rename(
        columns={"HScore": "PACTran"}
    ).to_csv(fresh.folder / "scores.csv", index=False)
    setting = commands[1].split("'")[1]
    said, status = run(fresh, "--config", "table=scores.csv", setting)
    assert status == 0, said
    assert "Nothing says whether larger is better for LEEP and NCE" in said
    assert len(pd.read_csv(folder.with_name("scores") / "tables" / "mean_rho.csv")) == 6

    # Nothing is done twice, and a table that changes is compared again.
    said, _ = run(fresh, "--config", "table=scores.csv", setting, "--dry-run")
    assert "compare_table" not in said
    with (fresh.folder / "scores.csv").open("a") as file:
        file.write("Pet,resnet18,0.9,1,1,1,1\n")
    said, status = run(fresh, "--config", "table=scores.csv", setting)
    assert status != 0 and "config: table: scores.csv: accuracies are mixed: 0.9 in row 82" in said


def test_without_a_table_it_says_what_to_do(fresh):
    said, status = run(fresh)
    assert status != 0 and "config: table: names none; add --config table=scores.csv" in said
