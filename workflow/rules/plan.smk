# What the experiment will cost: `snakemake plan`. Not a stage, and never run by itself; its output is
# for the terminal.


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
