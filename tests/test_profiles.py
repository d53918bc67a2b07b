"""Which executor a command line gets: the profiles are read by Snakemake itself."""

import sys

import pytest
from snakemake.cli import parse_args

from projects import ROOT


@pytest.mark.parametrize(
    ("arguments", "variable", "executor"),
    [
        ("", None, "forkserver"),
        ("--executor local", None, "local"),
        ("--profile slurm", None, "slurm-bundles"),
        ("--profile=slurm", None, "slurm-bundles"),
        ("--prof slurm", None, "slurm-bundles"),  # Snakemake takes any unique beginning
        ("", "slurm", "slurm-bundles"),
        ("--profile slurm --executor forkserver", None, "forkserver"),
    ],
)
def test_the_executor_of_a_command_line(monkeypatch, arguments, variable, executor):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    if variable:
        monkeypatch.setenv("SNAKEMAKE_PROFILE", variable)
    monkeypatch.setattr(sys, "argv", ["snakemake", "--cores", "2", *arguments.split()])
    _, settings = parse_args(None)
    assert settings.executor == executor
    assert settings.logger == ["stages"]  # of profiles/default in every case
