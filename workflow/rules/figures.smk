# The figures, each as SVG, PDF and PNG: 1 to 5 are the paper's, 6 and 7 compare all metrics.


rule figure2:
    input:
        correlation="<results>/tables/correlation.csv",
        ceiling="<results>/tables/ceiling.csv",
    output:
        svg=report(
            "<results>/figures/figure2.svg", caption="../report/figure2.rst", category="Figures"
        ),
        pdf="<results>/figures/figure2.pdf",
        png="<results>/figures/figure2.png",
    log:
        "<results>/logs/figure2.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("figure2.py", *module_names(METRICS)),
        settings=ordered(
            architectures=ARCHITECTURES,
            targets=TITLES,
            metrics=METRICS,
            dpi=config["figures"]["dpi"],
        ),
    script:
        "../scripts/figure2.py"


rule figure3:
    input:
        curves="<results>/tables/pair_curves.npy",
        pairs="<results>/tables/pairs.csv",
    output:
        svg=report(
            "<results>/figures/figure3.svg", caption="../report/figure3.rst", category="Figures"
        ),
        pdf="<results>/figures/figure3.pdf",
        png="<results>/figures/figure3.png",
    log:
        "<results>/logs/figure3.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("figure3.py", *module_names(METRICS)),
        settings=ordered(
            architectures=ARCHITECTURES,
            targets=TITLES,
            alpha_step=config["correlation"]["alpha_step"],
            dpi=config["figures"]["dpi"],
        ),
    script:
        "../scripts/figure3.py"


rule figure1:
    input:
        accuracies="<results>/tables/normal_training.csv",
        metrics=[EPOCH_METRIC.format(metric=m, architecture=a) for m, a in NORMAL_CELLS],
    output:
        svg=report(
            "<results>/figures/figure1.svg", caption="../report/figure1.rst", category="Figures"
        ),
        pdf="<results>/figures/figure1.pdf",
        png="<results>/figures/figure1.png",
    log:
        "<results>/logs/figure1.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("figure1.py", *module_names(NORMAL_METRICS)),
        settings=ordered(
            cells=NORMAL_CELLS,
            architectures=ARCHITECTURES,
            metrics=NORMAL_METRICS,
            dpi=config["figures"]["dpi"],
        ),
    script:
        "../scripts/figure1.py"


rule figure4:
    input:
        accuracies="<results>/tables/cut_accuracies.csv",
    output:
        svg=report(
            "<results>/figures/figure4-{architecture}.svg",
            caption="../report/figure4.rst",
            category="Figures",
        ),
        pdf="<results>/figures/figure4-{architecture}.pdf",
        png="<results>/figures/figure4-{architecture}.png",
    log:
        "<results>/logs/figure4-{architecture}.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("figure4.py", *module_names(METRICS)),
        settings=lambda wildcards: ordered(
            architecture=wildcards.architecture, targets=TITLES, dpi=config["figures"]["dpi"]
        ),
    script:
        "../scripts/figure4.py"


rule figure5:
    input:
        correlation="<results>/tables/cut_correlation.csv",
    output:
        svg=report(
            "<results>/figures/figure5.svg", caption="../report/figure5.rst", category="Figures"
        ),
        pdf="<results>/figures/figure5.pdf",
        png="<results>/figures/figure5.png",
    log:
        "<results>/logs/figure5.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("figure5.py", *module_names(CUT_METRICS or METRICS)),
        settings=ordered(
            architectures=CUT_ARCHITECTURES,
            targets=TITLES,
            metrics=CUT_METRICS,
            dpi=config["figures"]["dpi"],
        ),
    script:
        "../scripts/figure5.py"


rule figure6:
    input:
        mean_rho="<results>/tables/mean_rho.csv",
        ceiling="<results>/tables/ceiling.csv",
    output:
        svg=report(
            "<results>/figures/figure6.svg", caption="../report/figure6.rst", category="Figures"
        ),
        pdf="<results>/figures/figure6.pdf",
        png="<results>/figures/figure6.png",
    log:
        "<results>/logs/figure6.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("figure6.py", *module_names(ALL_METRICS)),
        settings=ordered(metrics=METRICS, dpi=config["figures"]["dpi"]),
    script:
        "../scripts/figure6.py"


rule figure7:
    input:
        mean_regret="<results>/tables/mean_regret.csv",
    output:
        svg=report(
            "<results>/figures/figure7.svg", caption="../report/figure7.rst", category="Figures"
        ),
        pdf="<results>/figures/figure7.pdf",
        png="<results>/figures/figure7.png",
    log:
        "<results>/logs/figure7.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("figure7.py", *module_names(ALL_METRICS)),
        settings=ordered(metrics=METRICS, dpi=config["figures"]["dpi"]),
    script:
        "../scripts/figure7.py"
