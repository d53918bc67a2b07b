# What the experiment will cost: `snakemake plan`. Not a stage, and never run by itself.

import json
import sys


rule plan:
    log:
        "<results>/logs/plan.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        python="python" if workflow.deployment_settings.deployment_method else sys.executable,
        config=json.dumps(config),
    # A shell command, for what it says is for the terminal.
    shell:
        "{params.python:q} -m basemodel.plan {params.config:q} 2>&1 | tee {log:q}"
