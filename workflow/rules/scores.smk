# Metrics of the base models, accuracies of the fine-tunings, and how the two agree.

from basemodel.comparability import comparable


# One job scores all base models of one architecture on one target: metrics are cheap to compute
# again, and a new target is scored without touching the others.
rule metric:
    input:
        unpack(
            lambda wildcards: inputs_of(
                wildcards.metric,
                "<results>/features/{architecture}/{subset}/{target}/{what}.npy",
                card="<results>/models/{architecture}/{subset}.json",
                architecture=wildcards.architecture,
                subset=SUBSETS,
                target=wildcards.target,
            )
        ),
        labels="<results>/probes/{target}/labels.npy",
    output:
        "<results>/metrics/{metric}/{architecture}/{target}.csv",
    log:
        "<results>/logs/metric/{metric}/{architecture}/{target}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        bundle=lambda wildcards: f"{wildcards.architecture}-{wildcards.target}-metrics",
    params:
        code=lambda wildcards: fingerprint("metric.py", *module_names([wildcards.metric])),
        settings=ordered(column="subset", rows=SUBSETS, halves=True),
    script:
        "../scripts/metric.py"


rule accuracies:
    input:
        cards=expand(
            "<results>/models/{architecture}/{subset}.json",
            architecture=ARCHITECTURES,
            subset=SUBSETS,
        ),
        targets=expand("<results>/data/{target}/meta.json", target=TARGETS),
        fine_tunings=FINE_TUNINGS,
    output:
        base_models="<results>/tables/base_models.csv",
        targets="<results>/tables/targets.csv",
        fine_tuning="<results>/tables/fine_tuning.csv",
    log:
        "<results>/logs/accuracies.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("accuracies.py"),
        settings=ordered(titles=TITLES, architectures=ARCHITECTURES, subsets=SUBSETS),
    script:
        "../scripts/accuracies.py"


rule correlation:
    input:
        fine_tuning="<results>/tables/fine_tuning.csv",
        base_models="<results>/tables/base_models.csv",
        metrics=files_of(METRIC, CELLS),
    output:
        correlation="<results>/tables/correlation.csv",
        pairs="<results>/tables/pairs.csv",
        curves="<results>/tables/pair_curves.npy",
    log:
        "<results>/logs/correlation.log",
    conda:
        "../../envs/environment.yaml"
    params:
        # The script asks each metric's module whether larger is better.
        code=fingerprint("correlation.py", *module_names(METRICS)),
        settings=ordered(
            cells=CELLS,
            alpha_step=config["correlation"]["alpha_step"],
            bootstrap=config["comparison"]["bootstrap"],
            seed=config["seed"],
        ),
    script:
        "../scripts/correlation.py"


rule summary:
    input:
        base_models="<results>/tables/base_models.csv",
        fine_tuning="<results>/tables/fine_tuning.csv",
        targets="<results>/tables/targets.csv",
        correlation="<results>/tables/correlation.csv",
        pairs="<results>/tables/pairs.csv",
        ceiling="<results>/tables/ceiling.csv",
        mean_rho="<results>/tables/mean_rho.csv",
        differences="<results>/tables/differences.csv",
        mean_regret="<results>/tables/mean_regret.csv",
        optimism="<results>/tables/optimism.csv",
        versions="<results>/tables/versions_base_models.csv",
    output:
        report(
            "<results>/summary.txt",
            caption="../report/summary.rst",
            category="Summary",
        ),
    log:
        "<results>/logs/summary.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("summary.py", *module_names(ALL_METRICS), *ARCHITECTURE_MODULES),
        settings=ordered(
            metrics=METRICS, comparable=comparable(config)[0], why=comparable(config)[1]
        ),
    script:
        "../scripts/summary.py"
