"""The plan's numbers of jobs are those that a dry run announces, for every experiment here."""

from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

import miniatures
from planned import by_stage, planned

EXPERIMENTS = Path("workflow/experiments")


@pytest.mark.full
@pytest.mark.parametrize(
    "overlays",
    [[], ["smoke.yaml"], ["imagenet.yaml"], ["imagenet.yaml", "miniature.yaml"]],
    ids=["default", "smoke", "paper", "miniature"],
)
def test_the_plan_counts_the_jobs_of_a_dry_run(fresh, overlays):
    config = yaml.safe_load((fresh.folder / "config.yaml").read_text(encoding="utf-8"))
    files = [str(EXPERIMENTS / name) for name in overlays]
    for file in files:
        update_config(config, yaml.safe_load((fresh.folder / file).read_text(encoding="utf-8")))
    if "imagenet.yaml" in overlays:
        miniatures.build(fresh.folder / config["data_root"], classes=2, images=2, imagenet=40)
    announced = fresh.announced("-n", *(["--configfile", *files] if files else []))
    assert by_stage(announced) == planned(config)
