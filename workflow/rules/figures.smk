# The figures, each as SVG, PDF and PNG: 1 to 5 are the paper's, 6 and 7 compare all metrics. To add
# one: an entry here, its caption in workflow/report/, and in workflow/basemodel/report/figures/ a
# module whose `draw` takes tables and settings by these names.

NORMAL_CELLS = cells(NORMAL_METRICS, ARCHITECTURES)

# By name: the tables that it shows; its settings; the metrics that it names.
FIGURES = {
    "figure1": (
        {
            "accuracies": "<results>/tables/normal_training.csv",
            "metrics": files_of(NORMAL_METRIC, NORMAL_CELLS),
        },
        {"cells": NORMAL_CELLS, "architectures": ARCHITECTURES, "names": NORMAL_METRICS},
        NORMAL_METRICS,
    ),
    "figure2": (
        {
            "correlation": "<results>/tables/correlation.csv",
            "ceiling": "<results>/tables/ceiling.csv",
        },
        {"architectures": ARCHITECTURES, "targets": TITLES, "metrics": METRICS},
        METRICS,
    ),
    "figure3": (
        {"curves": "<results>/tables/pair_curves.npy", "pairs": "<results>/tables/pairs.csv"},
        {
            "architectures": ARCHITECTURES,
            "targets": TITLES,
            "alpha_step": config["correlation"]["alpha_step"],
        },
        METRICS,
    ),
    "figure4": (
        {"accuracies": "<results>/tables/cut_accuracies.csv"},
        {"targets": TITLES},
        METRICS,
    ),
    "figure5": (
        {"correlation": "<results>/tables/cut_correlation.csv"},
        {"architectures": CUT_ARCHITECTURES, "targets": TITLES, "metrics": CUT_METRICS},
        CUT_METRICS or METRICS,
    ),
    "figure6": (
        {
            "mean_rho": "<results>/tables/mean_rho.csv",
            "ceiling": "<results>/tables/ceiling.csv",
        },
        {"paper": METRICS},
        ALL_METRICS,
    ),
    "figure7": (
        {"mean_regret": "<results>/tables/mean_regret.csv"},
        {"paper": METRICS},
        ALL_METRICS,
    ),
}
# The only one of several files: its wildcards are settings too.
PATTERNS = {"figure4": "figure4-{architecture}"}
# The files of those with something to show, without endings.
SHOWN = ["figure1", "figure2", "figure6", "figure7"]
if len(METRICS) > 1:  # one alone makes no pair
    SHOWN.append("figure3")
SHOWN += [f"figure4-{architecture}" for architecture in CUT_ARCHITECTURES]
if CUT_ARCHITECTURES and CUT_METRICS:
    SHOWN.append("figure5")


include: "draw.smk"
