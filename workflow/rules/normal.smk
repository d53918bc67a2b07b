# Normal training: each architecture on the whole source set, every epoch kept and scored (Figure 1).

NORMAL_METRICS = list(dict.fromkeys([*METRICS, "feature_norm"]))  # it may be one of them
NORMAL_CELLS = [
    [metric, architecture] for metric in NORMAL_METRICS for architecture in ARCHITECTURES
]


# A rule for each architecture, as they may differ in their number of epochs.
for architecture in ARCHITECTURES:

    rule:
        name:
            f"normal_{architecture}"
        input:
            new_versions(f"<results>/normal/{architecture}/model.json"),
            subset="<results>/subsets/whole.json",
            train=f"<results>/data/{config['source']}/train/images.npy",
            train_labels=f"<results>/data/{config['source']}/train/labels.npy",
            test=f"<results>/data/{config['source']}/test/images.npy",
            test_labels=f"<results>/data/{config['source']}/test/labels.npy",
        output:
            weights=f"<results>/normal/{architecture}/model.safetensors",
            card=f"<results>/normal/{architecture}/model.json",
            # One output, whatever their number: a file that is new has no provenance, without
            # which Snakemake compares no parameters.
            epochs=directory(f"<results>/normal/{architecture}/weights"),
        log:
            f"<results>/logs/normal/{architecture}.log",
        # The longest jobs of the experiment start first, or the last of them runs alone.
        priority: 1
        conda:
            "../../envs/environment.yaml"
        resources:
            gpu=1,
        params:
            code=fingerprint("pretrain.py"),
            network=network(architecture),
            pretrain=settings.pretrain_settings(config, architecture),
            crop=config["image"]["crop"],
            seed=config["seed"],
        script:
            "../scripts/pretrain.py"


rule epoch_featuremaps:
    input:
        new_versions("<results>/normal/{architecture}/featuremaps/{epoch}.json"),
        # Folders have no checksum, only a time stamp: the card has the files' instead.
        weights=ancient("<results>/normal/{architecture}/weights"),
        card="<results>/normal/{architecture}/model.json",
        probe=f"<results>/probes/{config['source']}/images.npy",
        images=f"<results>/data/{config['source']}/train/images.npy",
    output:
        maps="<results>/normal/{architecture}/featuremaps/{epoch}.npy",
        card="<results>/normal/{architecture}/featuremaps/{epoch}.json",
    log:
        "<results>/logs/normal/featuremaps/{architecture}/{epoch}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=1,
        bundle=lambda wildcards: f"{wildcards.architecture}-epochs",
    params:
        code=fingerprint("featuremaps.py"),
        crop=config["image"]["crop"],
        dtype=config["probe"]["dtype"],
    script:
        "../scripts/featuremaps.py"


rule epoch_metric:
    input:
        featuremaps=lambda wildcards: expand(
            "<results>/normal/{architecture}/featuremaps/{epoch}.npy",
            architecture=wildcards.architecture,
            epoch=epochs(wildcards.architecture),
        ),
        labels=f"<results>/probes/{config['source']}/labels.npy",
    output:
        "<results>/normal/{architecture}/metrics/{metric}.csv",
    log:
        "<results>/logs/normal/metric/{metric}/{architecture}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        bundle=lambda wildcards: f"{wildcards.architecture}-epoch-metrics",
    params:
        code=lambda wildcards: fingerprint("metric.py", *module_names([wildcards.metric])),
        column="epoch",
        rows=lambda wildcards: list(epochs(wildcards.architecture)),
    script:
        "../scripts/metric.py"


rule epoch_accuracies:
    input:
        cards=expand("<results>/normal/{architecture}/model.json", architecture=ARCHITECTURES),
    output:
        "<results>/tables/normal_training.csv",
    log:
        "<results>/logs/epoch_accuracies.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("epoch_accuracies.py"),
    script:
        "../scripts/epoch_accuracies.py"
