# Data sets as arrays, and the choices of images made in them.


rule pack:
    output:
        meta="<results>/data/{dataset}/meta.json",
        train="<results>/data/{dataset}/train/images.npy",
        train_labels="<results>/data/{dataset}/train/labels.npy",
        test="<results>/data/{dataset}/test/images.npy",
        test_labels="<results>/data/{dataset}/test/labels.npy",
    log:
        "<results>/logs/pack/{dataset}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("pack.py"),
        dataset=lambda wildcards: config["datasets"][wildcards.dataset],
        size=config["image"]["size"],
        seed=config["seed"],
    script:
        "../scripts/pack.py"


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
        seed=config["seed"],
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
        images_per_class=config["probe"]["images_per_class"],
        classes=lambda wildcards: (
            config["normal"]["classes"] if wildcards.target == config["source"] else None
        ),
        seed=config["seed"],
    script:
        "../scripts/probe.py"
