# Which metric to believe, and how far: all metrics together, with intervals.

ALL_CELLS = cells(ALL_METRICS, ARCHITECTURES, TARGETS)


rule ceiling:
    input:
        fine_tunings=FINE_TUNINGS,
        base_models="<results>/tables/base_models.csv",
    output:
        "<results>/tables/ceiling.csv",
    log:
        "<results>/logs/ceiling.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("ceiling.py"),
        settings=ordered(
            architectures=ARCHITECTURES,
            targets=TARGETS,
            bootstrap=config["comparison"]["bootstrap"],
            seed=config["seed"],
        ),
    script:
        "../scripts/ceiling.py"


rule comparison:
    input:
        fine_tuning="<results>/tables/fine_tuning.csv",
        base_models="<results>/tables/base_models.csv",
        metrics=files_of(METRIC, ALL_CELLS),
    output:
        scores="<results>/tables/scores.csv",
        rho="<results>/tables/rho.csv",
        mean_rho="<results>/tables/mean_rho.csv",
        differences="<results>/tables/differences.csv",
        regret="<results>/tables/regret.csv",
        mean_regret="<results>/tables/mean_regret.csv",
    log:
        "<results>/logs/comparison.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("comparison.py", *module_names(ALL_METRICS)),
        settings=ordered(
            cells=ALL_CELLS,
            bootstrap=config["comparison"]["bootstrap"],
            seed=config["seed"],
        ),
    script:
        "../scripts/comparison.py"


rule held_out:
    input:
        fine_tuning="<results>/tables/fine_tuning.csv",
        base_models="<results>/tables/base_models.csv",
        metrics=files_of(METRIC, CELLS),
        curves="<results>/tables/pair_curves.npy",
    output:
        held_out="<results>/tables/held_out.csv",
        optimism="<results>/tables/optimism.csv",
    log:
        "<results>/logs/held_out.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("held_out.py", *module_names(METRICS)),
        settings=ordered(
            cells=CELLS,
            alpha_step=config["correlation"]["alpha_step"],
            bootstrap=config["comparison"]["bootstrap"],
            seed=config["seed"],
        ),
    script:
        "../scripts/held_out.py"
