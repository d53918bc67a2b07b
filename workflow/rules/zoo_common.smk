# Names and functions for zoo.smk.

from basemodel.statistics.scopes import ALL

ZOO_MODELS = [candidate.slug for candidate in MODELS]
ZOO_ALL = list(names.with_baselines(MODELS))
ZOO_LABELS = names.labels(MODELS)
ZOO_CARDS = expand(f"{EACH}/candidates/{{candidate}}/card.json", ranking=ZOO, candidate=ZOO_ALL)
ZOO_TUNED = [
    file
    for name in ZOO
    for file in tuned(ZOO_MODELS, range(1 + config["finetune"]["repeats"]), ranking=name)
]
ZOO_TABLES = ["scores", "rho", "mean_rho", "differences", "regret", "mean_regret", "ceiling"]
ZOO_TITLES = [
    [name, config["datasets"][name]["title"] if name in settings.used(config) else name]
    for name in ZOO
]
ZOO_PAPER = [metric for metric in METRICS if metric in RANK_METRICS]
# Figures 6 and 7 are made with the page; by name, as in figures.smk:
FIGURES, PATTERNS = {}, {}
if ZOO_PAPER:
    FIGURES["figure2"] = (
        {"correlation": "<results>/tables/rho.csv", "ceiling": "<results>/tables/ceiling.csv"},
        {"architectures": None, "targets": ZOO_TITLES, "metrics": ZOO_PAPER},
        ZOO_PAPER,
    )
ZOO_PAIRS = len(ZOO_PAPER) > 1  # one alone makes no pair
if ZOO_PAIRS:
    FIGURES["figure3"] = (
        {"curves": "<results>/tables/pair_curves.npy", "pairs": "<results>/tables/pairs.csv"},
        {
            "architectures": [ALL],
            "targets": ZOO_TITLES,
            "alpha_step": config["correlation"]["alpha_step"],
        },
        ZOO_PAPER,
    )
SHOWN = [*FIGURES, "figure6", "figure7"]
CHECKED = f"<results>/rank/{next(iter(ZOO))}/checked.json"  # the models are those of all targets


def images_of_targets(wildcards):
    """No file. Ends the run before its first job if there is nothing to compare."""
    if workflow.is_main_process:
        if len(MODELS) < 3:
            raise SystemExit(
                f"config: models: {len(MODELS)} are too few to compare; name three or more"
                + ("" if config["models"] != SHELF else ", or run `snakemake rank_fetch`")
            )
        seen = {}
        for model in (model for model in MODELS if model.file):
            weights = weights_of(model.slug), model.name, model.key
            first = seen.setdefault(weights, model.slug)
            if first != model.slug and weights[0] != "not there":
                raise SystemExit(
                    f"config: models: {ZOO_LABELS[first]} and {ZOO_LABELS[model.slug]} have the same "
                    "weights; take one of them out"
                )
        for name in (name for name, place in ZOO.items() if place):
            divided = divided_images(name, RANK["task"])
            if divided.task != "classes":
                raise SystemExit(
                    f"config: targets: {name}: its labels are {divided.task.rstrip('s')}s, and with "
                    "`models` they can only be classes; `rank.task: classes` takes each as one"
                )
            if not divided.labelled:
                raise SystemExit(
                    f"config: targets: {name}: {divided.problems[-1]}; nothing can be fine-tuned "
                    "without labels, so put them into one folder per class, or name a table of labels"
                )
            if not any(divided.test.values()):
                raise SystemExit(
                    f"config: targets: {name}: no image can be held out to test on; add some"
                )
    return []
