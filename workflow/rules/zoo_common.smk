# Names and functions for zoo.smk.

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
SHOWN = ["figure6", "figure7"]
CHECKED = f"<results>/rank/{next(iter(ZOO))}/checked.json"  # the models are those of all targets


def images_of_targets(wildcards):
    """No file. Ends the run before its first job if there is nothing to compare."""
    if workflow.is_main_process:
        if len(MODELS) < 3:
            raise SystemExit(
                f"config: models: {len(MODELS)} are too few to compare; name three or more"
                + ("" if config["models"] != SHELF else ", or run `snakemake rank_fetch`")
            )
        for name in (name for name, place in ZOO.items() if place):
            divided = divided_images(name)
            if not divided.labelled:
                raise SystemExit(
                    f"config: targets: {name}: nothing can be fine-tuned without labels; put the "
                    "images into one folder per class, or name a table of labels"
                )
            if not any(divided.test.values()):
                raise SystemExit(
                    f"config: targets: {name}: no image can be held out to test on; add some"
                )
    return []
