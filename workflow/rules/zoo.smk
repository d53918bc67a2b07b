# An experiment on base models that are not trained here: instead of the paper's stages, the steps of
# `snakemake rank` for each target (rank.smk), fine-tuning of every model, and `snakemake compare`.


include: "zoo_common.smk"
include: "draw.smk"


# Short work, which a cluster's head node does.
localrules:
    zoo_labels,
    zoo_table,
    zoo_pairs,
    zoo,


TABLES = [*ZOO_TABLES, "zoo", "trust", "failures", "targets"]
if ZOO_PAIRS:
    TABLES += ["pairs", "held_out", "optimism"]


# Images that this project generates, as files: models crop them by their own preprocessing.
rule zoo_images:
    input:
        meta="<results>/data/{dataset}/meta.json",
        train="<results>/data/{dataset}/train/images.npy",
        train_labels="<results>/data/{dataset}/train/labels.npy",
        test="<results>/data/{dataset}/test/images.npy",
        test_labels="<results>/data/{dataset}/test/labels.npy",
    output:
        directory("<results>/images/{dataset}"),
    log:
        "<results>/logs/images/{dataset}.log",
    wildcard_constraints:
        dataset=any_of(experiment.generated(config)),
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("zoo_images.py"),
    script:
        "../scripts/zoo_images.py"


# The files of official data sets, as a table of labels.
rule zoo_labels:
    input:
        checked(lambda wildcards: prerequisites.require_files(config)),
    output:
        "<results>/images/{dataset}.csv",
    log:
        "<results>/logs/images/{dataset}.log",
    wildcard_constraints:
        dataset=any_of(experiment.official(config)),
    conda:
        "../../envs/environment.yaml"
    params:
        code=lambda wildcards: fingerprint(
            "zoo_labels.py",
            f"basemodel.data.kinds.{config['datasets'][wildcards.dataset]['kind']}",
        ),
        settings=lambda wildcards: ordered(
            dataset=pixels(wildcards.dataset),
            root=str(settings.data_root(config)),
            exact=config["data_counts"] == "paper",
        ),
    script:
        "../scripts/zoo_labels.py"


# All scores and accuracies, in the form that `snakemake compare` reads.
rule zoo_table:
    input:
        images_of_targets,
        images=expand(f"{EACH}/images.json", ranking=ZOO),
        tests=expand(f"{EACH}/tests.json", ranking=ZOO),
        cards=ZOO_CARDS,
        scores=expand(
            f"{EACH}/candidates/{{candidate}}/scores.json", ranking=ZOO, candidate=ZOO_ALL
        ),
        tested=expand(
            f"{EACH}/verified/tests/{{candidate}}.json", ranking=ZOO, candidate=ZOO_MODELS
        ),
    output:
        table="<results>/tables/zoo.csv",
        trust="<results>/tables/trust.csv",
        failures="<results>/tables/failures.csv",
        targets="<results>/tables/targets.csv",
    log:
        "<results>/logs/zoo_table.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("zoo_table.py", *module_names(RANK_METRICS)),
        settings=ordered(
            targets=list(ZOO),
            models=ZOO_LABELS,
            families={c.slug: family for c, family in MODELS.items() if family},
            metrics=RANK_METRICS,
            metadata=METADATA,
        ),
    script:
        "../scripts/zoo_table.py"


rule zoo_pairs:
    input:
        table="<results>/tables/zoo.csv",
    output:
        pairs="<results>/tables/pairs.csv",
        curves="<results>/tables/pair_curves.npy",
        held_out="<results>/tables/held_out.csv",
        optimism="<results>/tables/optimism.csv",
    log:
        "<results>/logs/zoo_pairs.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("zoo_pairs.py", *module_names(ZOO_PAPER)),
        settings=ordered(
            targets=list(ZOO),
            metrics=ZOO_PAPER,
            alpha_step=config["correlation"]["alpha_step"],
            bootstrap=config["comparison"]["bootstrap"],
            seed=config["seed"],
        ),
    script:
        "../scripts/zoo_pairs.py"


rule zoo:
    input:
        **(
            {"pairs": "<results>/tables/pairs.csv", "optimism": "<results>/tables/optimism.csv"}
            if ZOO_PAIRS
            else {}
        ),
        table="<results>/tables/zoo.csv",
        failures="<results>/tables/failures.csv",
        trust="<results>/tables/trust.csv",
        targets="<results>/tables/targets.csv",
    output:
        summary="<results>/summary.txt",
        page="<results>/report.html",
        figure6=multiext("<results>/figures/figure6", ".svg", ".pdf", ".png"),
        figure7=multiext("<results>/figures/figure7", ".svg", ".pdf", ".png"),
        tables=expand("<results>/tables/{name}.csv", name=ZOO_TABLES),
    log:
        "<results>/logs/zoo.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=COMPARE_CODE,
        settings=ordered(
            name=Path(config["results"]).name,
            larger_is_better=None,
            bootstrap=config["comparison"]["bootstrap"],
            seed=config["seed"],
            dpi=config["figures"]["dpi"],
        ),
    script:
        "../scripts/compare_table.py"
