# Normal training: each architecture on the whole source set, every epoch kept and scored (Figure 1).
# Where a rule of models.smk is used, its script keeps the network of each epoch, or takes one of them.

EPOCH_METRICS = list(dict.fromkeys([*NORMAL_METRICS, *without(["card"], OTHER_METRICS)]))
EPOCH_CELLS = cells(EPOCH_METRICS, ARCHITECTURES)


use rule pretrain as normal with:
    input:
        subset="<results>/subsets/whole.json",
        train=f"<results>/data/{config['source']}/train/images.npy",
        train_labels=f"<results>/data/{config['source']}/train/labels.npy",
        test=f"<results>/data/{config['source']}/test/images.npy",
        test_labels=f"<results>/data/{config['source']}/test/labels.npy",
    output:
        weights="<results>/normal/{architecture}/model.safetensors",
        card="<results>/normal/{architecture}/model.json",
        # One output, whatever the number of epochs: a new file would have no provenance, without
        # which Snakemake does not compare parameters.
        epochs=directory("<results>/normal/{architecture}/weights"),
    log:
        "<results>/logs/normal/{architecture}.log",
    # The longest jobs start first, or the last of them would run alone at the end.
    priority: 1
    resources:
        **on_gpu(work.pretraining, "architecture"),


use rule featuremaps as epoch_featuremaps with:
    input:
        # Folders have only a time stamp and no checksum: the card has the files' checksums instead.
        weights=ancient("<results>/normal/{architecture}/weights"),
        card="<results>/normal/{architecture}/model.json",
        probe=f"<results>/probes/{config['source']}/images.npy",
        images=f"<results>/data/{config['source']}/train/images.npy",
    output:
        featuremaps="<results>/normal/{architecture}/features/{epoch}/featuremaps.npy",
        embeddings="<results>/normal/{architecture}/features/{epoch}/embeddings.npy",
        probabilities="<results>/normal/{architecture}/features/{epoch}/probabilities.npy",
        card="<results>/normal/{architecture}/features/{epoch}/card.json",
    log:
        "<results>/logs/normal/featuremaps/{architecture}/{epoch}.log",
    resources:
        **on_gpu(work.epoch_dump, "architecture"),
        bundle=lambda wildcards: f"{wildcards.architecture}-epochs",


rule epoch_metric:
    input:
        unpack(
            lambda wildcards: inputs_of(
                wildcards.metric,
                "<results>/normal/{architecture}/features/{epoch}/{what}.npy",
                architecture=wildcards.architecture,
                epoch=epochs(wildcards.architecture),
            )
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
        settings=lambda wildcards: ordered(
            column="epoch", rows=list(epochs(wildcards.architecture))
        ),
    script:
        "../scripts/metric.py"


rule epoch_accuracies:
    input:
        cards=expand("<results>/normal/{architecture}/model.json", architecture=ARCHITECTURES),
    output:
        "<results>/tables/normal_training.csv",
    log:
        "<results>/logs/epoch_accuracies.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("epoch_accuracies.py"),
        settings=ordered(architectures=ARCHITECTURES),
    script:
        "../scripts/epoch_accuracies.py"


rule epoch_metrics:
    input:
        files_of(NORMAL_METRIC, EPOCH_CELLS),
    output:
        "<results>/tables/epoch_metrics.csv",
    log:
        "<results>/logs/epoch_metrics.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("epoch_metrics.py"),
        settings=ordered(cells=EPOCH_CELLS),
    script:
        "../scripts/epoch_metrics.py"
