# The paper's experiment: base models that are trained here, fine-tuned on each target.


include: "models.smk"
include: "scores.smk"
include: "compare.smk"
include: "normal.smk"
include: "cuts.smk"
include: "figures.smk"


# Short work, which a cluster's head node does.
localrules:
    accuracies,
    correlation,
    summary,
    ceiling,
    comparison,
    held_out,
    epoch_accuracies,
    epoch_metrics,
    costs,
    cuts,
    other_cuts,


TABLES = ["scores", "correlation", "pairs", "normal_training", "epoch_metrics", "ceiling"]
TABLES += ["rho", "mean_rho", "differences", "regret", "mean_regret", "held_out", "optimism"]
if CUT_ARCHITECTURES:
    TABLES.append("cut_choices")
    if OTHER_CUT_METRICS:
        TABLES.append("other_cut_choices")
CHECKED = []


rule pretrain_all:
    input:
        expand(
            "<results>/models/{architecture}/{subset}.safetensors",
            architecture=ARCHITECTURES,
            subset=SUBSETS,
        ),


rule finetune_all:
    input:
        FINE_TUNINGS,
