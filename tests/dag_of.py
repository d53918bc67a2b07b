"""Dry runs of many experiments in one process, which takes a second each; a command takes several.

stdin: JSON, a list of whole settings. The last line of stdout: JSON, for each of them the jobs by
rule, or as text what stopped it. Run where the Snakefile is.
"""

import contextlib
import json
import sys
from collections import Counter
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings


def jobs(config: dict) -> dict[str, int] | str:
    with SnakemakeApi(OutputSettings(dryrun=True)) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(config=config, replace_workflow_config=True),
            snakefile=Path("Snakefile"),
        )
        try:
            workflow.dag().execute_workflow(executor="dryrun")
        except BaseException as error:  # settings that are refused raise SystemExit
            return f"{type(error).__name__}: {error}"
        return Counter(job.rule.name for job in workflow._workflow.dag.jobs)


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        found = [jobs(config) for config in json.load(sys.stdin)]
    print(json.dumps(found))
