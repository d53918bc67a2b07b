# What the experiment will cost: `snakemake plan`. Not a stage, and never run by itself.

import json


rule plan:
    log:
        "<results>/logs/plan.log",
    conda:
        "../../envs/environment.yaml"
    params:
        python=as_it_is(PYTHON),
        config=as_it_is(json.dumps(config)),
    # A shell command, because its output is for the terminal.
    shell:
        "{params.python:q} -m basemodel.plan {params.config:q} 2>&1 | tee {log:q}"
