# Data sets as arrays, and the choices of images made in them.

USED = settings.used(config)
FROM_FILES = settings.from_files(config)


# Data sets that this project generates.
rule pack:
    input:
        checked(lambda wildcards: prerequisites.require_glyphs(config, wildcards.dataset)),
    output:
        meta="<results>/data/{dataset}/meta.json",
        train="<results>/data/{dataset}/train/images.npy",
        train_labels="<results>/data/{dataset}/train/labels.npy",
        test="<results>/data/{dataset}/test/images.npy",
        test_labels="<results>/data/{dataset}/test/labels.npy",
    log:
        "<results>/logs/pack/{dataset}.log",
    wildcard_constraints:
        dataset=any_of([name for name in config["datasets"] if name not in FROM_FILES]),
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("pack.py"),
        settings=lambda wildcards: ordered(
            dataset=pixels(wildcards.dataset), size=config["image"]["size"], seed=config["seed"]
        ),
    script:
        "../scripts/pack.py"


# Data sets made from image files. A killed job resumes where it stopped.
rule pack_files:
    input:
        # Not the files: where they lie affects no result, and moving them must not pack them again.
        checked(lambda wildcards: prerequisites.require_files(config)),
    output:
        meta="<results>/data/{dataset}/meta.json",
        train="<results>/data/{dataset}/train/images.npy",
        train_labels="<results>/data/{dataset}/train/labels.npy",
        test="<results>/data/{dataset}/test/images.npy",
        test_labels="<results>/data/{dataset}/test/labels.npy",
    log:
        "<results>/logs/pack_files/{dataset}.log",
    wildcard_constraints:
        dataset=any_of(FROM_FILES),
    # First of all: a job of many threads would wait forever while short ones take each free core.
    priority: 2
    conda:
        "../../envs/environment.yaml"
    threads: 8
    params:
        code=lambda wildcards: fingerprint(
            "pack_files.py",
            f"basemodel.data.kinds.{config['datasets'][wildcards.dataset]['kind']}",
        ),
        settings=lambda wildcards: ordered(
            dataset=pixels(wildcards.dataset), size=config["image"]["size"]
        ),
    script:
        "../scripts/pack_files.py"


# `snakemake fetch`: not a stage, and never run by itself. Its output is for the terminal.
rule fetch:
    handover: True
    conda:
        "../../envs/environment.yaml"
    resources:
        **COMMAND,
    params:
        settings=ordered(
            root=str(settings.data_root(config)),
            counts=config["data_counts"],
            datasets={name: config["datasets"][name] for name in USED if name in FROM_FILES},
        ),
    script:
        "../scripts/fetch.py"


rule subset:
    input:
        meta=f"<results>/data/{config['source']}/meta.json",
        labels=f"<results>/data/{config['source']}/train/labels.npy",
    output:
        "<results>/subsets/{subset}.json",
    log:
        "<results>/logs/subset/{subset}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("subset.py"),
        settings=ordered(seed=config["seed"]),
    script:
        "../scripts/subset.py"


rule probe:
    input:
        labels="<results>/data/{target}/train/labels.npy",
    output:
        images="<results>/probes/{target}/images.npy",
        labels="<results>/probes/{target}/labels.npy",
    log:
        "<results>/logs/probe/{target}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("probe.py"),
        settings=lambda wildcards: ordered(
            images_per_class=config["probe"]["images_per_class"],
            classes=config["normal"]["classes"] if wildcards.target == config["source"] else None,
            seed=config["seed"],
        ),
    script:
        "../scripts/probe.py"
