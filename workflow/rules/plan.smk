# What the experiment will cost: `snakemake plan`. Not a stage, and never run by itself; its output is
# for the terminal.


def base_models_to_plan(wildcards):
    """No file. Ends the run if there are none."""
    if config["models"]:
        raise SystemExit(
            "config: models: `snakemake plan` knows only base models that are trained here; with "
            "`models`, `snakemake -n` lists the jobs"
        )
    return []


rule plan:
    input:
        base_models_to_plan,
    handover: True
    conda:
        "../../envs/environment.yaml"
    resources:
        **COMMAND,
    params:
        settings=ordered(table=f"{config['results']}/plan.csv"),
    script:
        "../scripts/plan.py"
