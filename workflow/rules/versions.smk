# The versions of packages that the results were made with, gathered from their cards.

if config["models"]:
    CARDS = {"zoo": {"candidates": ZOO_CARDS, "fine_tunings": ZOO_TUNED}}
else:
    CARDS = {
        "base_models": {
            "data_sets": expand("<results>/data/{name}/meta.json", name=USED),
            "base_models": expand(
                "<results>/models/{architecture}/{subset}.json",
                architecture=ARCHITECTURES,
                subset=SUBSETS,
            ),
            "featuremaps": expand(
                "<results>/features/{architecture}/{subset}/{target}/card.json",
                architecture=ARCHITECTURES,
                subset=SUBSETS,
                target=TARGETS,
            ),
            "fine_tunings": FINE_TUNINGS,
        },
        "normal_training": {
            "networks": expand(
                "<results>/normal/{architecture}/model.json", architecture=ARCHITECTURES
            ),
            "featuremaps_of_epochs": [
                f"<results>/normal/{architecture}/features/{epoch}/card.json"
                for architecture in ARCHITECTURES
                for epoch in epochs(architecture)
            ],
        },
    }
    if CUT_ARCHITECTURES:
        CARDS["truncation"] = {
            f"{what}_of_cuts": [
                f"<results>/truncation/{architecture}/{card.format(layer=layer, target=target)}"
                for architecture in CUT_ARCHITECTURES
                for layer in range(layers(architecture))
                for target in TARGETS
            ]
            for what, card in (
                ("featuremaps", "features/{layer}/{target}/card.json"),
                ("fine_tunings", "finetune/{layer}/{target}.json"),
            )
        }


rule versions:
    input:
        unpack(lambda wildcards: CARDS[wildcards.part]),
    output:
        "<results>/tables/versions_{part}.csv",
    log:
        "<results>/logs/versions_{part}.log",
    wildcard_constraints:
        part=any_of(CARDS),
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("versions.py"),
    script:
        "../scripts/versions.py"


# `snakemake --cores all --forcerun $(snakemake stale)` recomputes results made with other versions
# than those installed. Not a stage, and never run by itself; what it prints is for other programs.
rule stale:
    handover: True
    conda:
        "../../envs/environment.yaml"
    resources:
        **COMMAND,
    params:
        settings=lambda wildcards: ordered(cards=CARDS),
    script:
        "../scripts/stale.py"
