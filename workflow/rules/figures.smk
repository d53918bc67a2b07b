# The paper's figures, each as SVG, PDF and PNG.


rule figure2:
    input:
        correlation="<results>/tables/correlation.csv",
    output:
        svg=report(
            "<results>/figures/figure2.svg", caption="../report/figure2.rst", category="Figures"
        ),
        pdf="<results>/figures/figure2.pdf",
        png="<results>/figures/figure2.png",
    log:
        "<results>/logs/figure2.log",
    params:
        code=fingerprint("figure2.py", *(f"basemodel.metrics.{m.lower()}" for m in METRICS)),
        architectures=ARCHITECTURES,
        targets=TITLES,
        metrics=METRICS,
        dpi=config["figures"]["dpi"],
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
    params:
        code=fingerprint("figure3.py"),
        architectures=ARCHITECTURES,
        targets=TITLES,
        alpha_step=config["correlation"]["alpha_step"],
        dpi=config["figures"]["dpi"],
    script:
        "../scripts/figure3.py"
