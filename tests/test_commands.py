"""Commands that the documentation and messages tell users to run are ones that Snakemake takes."""

import re
import shlex
import subprocess
import sys

import pytest
from snakemake.cli import get_argument_parser

from projects import ROOT

FILES = subprocess.run(
    ["git", "ls-files", "*.md", "*.yaml", "*.smk", "workflow/*.py", "benchmarks/*.py"],
    cwd=ROOT, capture_output=True, text=True, check=True,
).stdout.split()  # fmt: skip
FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"snakemake(?: [^`\n]*)?")


def commands():
    """(file, command) of every command on a line of a code block or comment, or in backticks."""
    for file in FILES:
        text = (ROOT / file).read_text(encoding="utf-8")
        blocks = FENCED.findall(text) if file.endswith(".md") else [text]
        lines = [line.lstrip("# ").strip() for block in blocks for line in block.splitlines()]
        found = [line for line in lines if re.match(r"snakemake( -|$| [a-z_]+ )", line)]
        inline = [text] if not file.endswith(".md") else [FENCED.sub("", text)]
        found += [match for part in inline for match in re.findall(r"`(snakemake[^`\n]*)`", part)]
        for command in dict.fromkeys(found):
            if COMMAND.fullmatch(command):
                yield file, command.partition("   ")[0]


@pytest.mark.parametrize(("file", "command"), list(commands()))
def test_snakemake_takes_the_command(file, command, capsys):
    words = shlex.split(command, comments=True)[1:]
    try:
        get_argument_parser().parse_args(words)
    except SystemExit as error:
        if error.code:
            pytest.fail(f"{file}: {command}: {capsys.readouterr().err.splitlines()[-1]}")


def test_there_are_commands_to_check():
    found = [command for _, command in commands()]
    assert len(found) > 20 and any(command.startswith("snakemake rank ") for command in found)


def test_cores_need_not_be_named():
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--quiet", "--", "rank_candidates"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "need to specify" not in run.stderr and "--cores" not in run.stderr


@pytest.mark.parametrize(
    ("name", "given"),
    [("photos", "./photos"), ("2024_05", "./2024_05"), ("my photos", "./my photos"),
     ("it's", "./it's"), ("~/x", "~/x"), ("/a/b", "/a/b"), ("../a", "../a"), ("käfer", "./käfer")],
)  # fmt: skip
def test_make_rank_hands_any_name_on_as_text(tmp_path, name, given):
    for file in ("envs/requirements.txt", "pyproject.toml", ".venv/.installed"):
        (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / file).touch()
    for program in ("python", "snakemake"):
        file = tmp_path / ".venv/bin" / program
        file.parent.mkdir(exist_ok=True)
        file.write_text('#!/bin/sh\nfor each; do echo "<$each>"; done\n')
        file.chmod(0o755)
    run = subprocess.run(
        ["make", "-s", "-f", ROOT / "Makefile", "rank", f"IMAGES={name}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"<--config>\n<images={given}>" in run.stdout
