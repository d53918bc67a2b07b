"""The command that is printed to repeat a run, read again as a shell and Snakemake read it."""

import shlex
from pathlib import Path

import pytest
from snakemake.cli import parse_config

from basemodel.run import invocation, provenance


@pytest.mark.parametrize(
    "given",
    [
        "images=photos",
        "images=~/my photos",
        'images=/a/käfer\'s "$HOME"',
        "images=",
        "seed=3",
        "rank={find: 'resnet*', verify: 2, metadata: null}",
        "candidates=[timm:resnet18.a1_in1k, {file: 'my weights.pth', architecture: timm:resnet18}]",
        "unpaired=true",
    ],
)
def test_what_was_given_by_config_is_given_again(given):
    config = parse_config([given])
    *before, again = invocation.options([], config, parse_config)
    assert before == ["--config"]
    assert parse_config(shlex.split(shlex.join([again]))) == config


def test_configuration_files_come_first_and_can_be_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [tmp_path / "my settings" / "rank.yaml", Path("/elsewhere/more.yaml")]
    assert invocation.options(files, {"images": "photos"}, parse_config) == [
        "--configfile", "my settings/rank.yaml", "/elsewhere/more.yaml", "--config", "images=photos"
    ]  # fmt: skip


def test_the_command_is_that_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv(provenance.VARIABLE, "")
    options = invocation.options([], parse_config(["images=my photos"]), parse_config)
    provenance.start_run(tmp_path, {"options": options, "cores": 3})
    try:
        command, cores = invocation.command("rank_verify"), invocation.cores()
    finally:
        monkeypatch.undo()
        provenance.run_record.cache_clear()
        provenance._current.cache_clear()
    assert command == "snakemake rank_verify --cores all --config 'images=my photos'"
    assert cores == 3
