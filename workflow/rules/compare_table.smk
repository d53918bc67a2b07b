# `snakemake compare`: which score to believe, for a table of scores and accuracies from elsewhere?
# Not a stage of the experiment, and never run by itself.


# The modules of metrics and figures that it could import by name, of which it uses two.
COMPARE_CODE = fingerprint(
    "compare_table.py",
    *module_names(METRICS[:1]),
    "basemodel.report.figures.figure6",
    "basemodel.report.figures.figure7",
)


# What users ask for; the output is for the terminal.
rule compare:
    input:
        summary=f"{COMPARED}/summary.txt",
        page=f"{COMPARED}/report.html",
    handover: True
    conda:
        "../../envs/environment.yaml"
    resources:
        **COMMAND,
    script:
        "../scripts/compare.py"


rule compare_table:
    input:
        table=table_to_compare,
    output:
        summary=f"{COMPARED}/summary.txt",
        page=f"{COMPARED}/report.html",
        figure6=multiext(f"{COMPARED}/figures/figure6", ".svg", ".pdf", ".png"),
        figure7=multiext(f"{COMPARED}/figures/figure7", ".svg", ".pdf", ".png"),
        tables=expand(
            f"{COMPARED}/tables/{{name}}.csv",
            name=[
                *("scores", "rho", "mean_rho", "differences"),
                *("regret", "mean_regret", "ceiling"),
            ],
        ),
    log:
        f"<results>/logs/compare/{COMPARED_NAME}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=COMPARE_CODE,
        settings=lambda wildcards: ordered(
            name=str(config["table"]),
            content=content_of(COMPARED_TABLE),
            larger_is_better=config["larger_is_better"],
            bootstrap=config["comparison"]["bootstrap"],
            seed=config["seed"],
            dpi=config["figures"]["dpi"],
        ),
    script:
        "../scripts/compare_table.py"
