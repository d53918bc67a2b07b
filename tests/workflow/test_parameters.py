"""Parameters of rules: Snakemake compares them as a set of values without names."""

import json
import subprocess
import sys

import pytest

from basemodel.run.records import ordered
from projects import ROOT

WALK = """
import contextlib, json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings
with contextlib.redirect_stdout(sys.stderr), SnakemakeApi(OutputSettings(dryrun=True)) as api:
    root, *files = sys.argv[1:]
    configs = ConfigSettings(configfiles=[*map(Path, files)], config={"data_root": root})
    made = api.workflow(
        resource_settings=ResourceSettings(cores=1), config_settings=configs,
        snakefile=Path("Snakefile"),
    )
    made.dag().execute_workflow(executor="dryrun")
    workflow = made._workflow
    rules = {rule.name: list(rule.params.keys()) for rule in workflow.rules if rule.output}
    values = {job.rule.name: dict(job.params.items()) for job in workflow.dag.jobs if job.output}
print(json.dumps([rules, values]))
"""
EXPERIMENTS = [[], ["smoke"], ["imagenet", "miniature"]]


@pytest.fixture(scope="module", params=EXPERIMENTS, ids=lambda names: "-".join(names) or "default")
def walked(request, miniature):
    files = [f"workflow/experiments/{name}.yaml" for name in request.param]
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(miniature), *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_no_two_parameters_of_a_rule_can_trade_values(walked):
    rules, values = walked
    assert len(rules) > 20 and len(values) > 15
    for rule, parameters in rules.items():
        assert set(parameters) <= {"code", "settings"}, rule
    for rule, given in values.items():
        assert isinstance(given["code"], str), rule
        settings = given.get("settings", {})
        # Equal settings are equal text, in whatever order the configuration has them.
        assert str(settings) == str(ordered(**settings)), rule
