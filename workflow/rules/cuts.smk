# Truncation: normally trained networks cut after each convolutional layer (Figures 4 and 5). Where a
# rule of models.smk is used, its script cuts the network after `layer`.

CUT_CELLS = cells(CUT_METRICS, CUT_ARCHITECTURES, TARGETS)
OTHER_CUT_CELLS = cells(OTHER_CUT_METRICS, CUT_ARCHITECTURES, TARGETS)
CUT_METRIC = "<results>/truncation/{1}/metrics/{0}/{2}.csv"
CUT_FINE_TUNINGS = [
    f"<results>/truncation/{architecture}/finetune/{layer}/{target}.json"
    for architecture in CUT_ARCHITECTURES
    for target in TARGETS
    for layer in range(layers(architecture))
]


use rule featuremaps as cut_featuremaps with:
    input:
        weights="<results>/normal/{architecture}/model.safetensors",
        card="<results>/normal/{architecture}/model.json",
        probe="<results>/probes/{target}/images.npy",
        images="<results>/data/{target}/train/images.npy",
    output:
        featuremaps="<results>/truncation/{architecture}/features/{layer}/{target}/featuremaps.npy",
        embeddings="<results>/truncation/{architecture}/features/{layer}/{target}/embeddings.npy",
        card="<results>/truncation/{architecture}/features/{layer}/{target}/card.json",
    log:
        "<results>/logs/truncation/featuremaps/{architecture}/{layer}/{target}.log",
    resources:
        **on_gpu(work.dump, "architecture", "target"),
        bundle=lambda wildcards: f"{wildcards.architecture}-cut{wildcards.layer}",


rule cut_metric:
    input:
        unpack(
            lambda wildcards: inputs_of(
                wildcards.metric,
                "<results>/truncation/{architecture}/features/{layer}/{target}/{what}.npy",
                architecture=wildcards.architecture,
                layer=range(layers(wildcards.architecture)),
                target=wildcards.target,
            )
        ),
        labels="<results>/probes/{target}/labels.npy",
    output:
        "<results>/truncation/{architecture}/metrics/{metric}/{target}.csv",
    log:
        "<results>/logs/truncation/metric/{metric}/{architecture}/{target}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        bundle=lambda wildcards: f"{wildcards.architecture}-{wildcards.target}-cut-metrics",
    params:
        code=lambda wildcards: fingerprint("metric.py", *module_names([wildcards.metric])),
        settings=lambda wildcards: ordered(
            column="layer", rows=list(range(layers(wildcards.architecture)))
        ),
    script:
        "../scripts/metric.py"


use rule finetune as cut_finetune with:
    input:
        weights="<results>/normal/{architecture}/model.safetensors",
        card="<results>/normal/{architecture}/model.json",
        meta="<results>/data/{target}/meta.json",
        train="<results>/data/{target}/train/images.npy",
        train_labels="<results>/data/{target}/train/labels.npy",
        test="<results>/data/{target}/test/images.npy",
        test_labels="<results>/data/{target}/test/labels.npy",
    output:
        "<results>/truncation/{architecture}/finetune/{layer}/{target}.json",
    log:
        "<results>/logs/truncation/finetune/{architecture}/{layer}/{target}.log",
    resources:
        **on_gpu(work.cut_finetuning, "architecture", "target"),
        bundle=lambda wildcards: f"{wildcards.architecture}-cut{wildcards.layer}",
    params:
        code=lambda wildcards: code_for("finetune.py", wildcards.architecture),
        # Only the new last layer is trained here, whatever `trainable` says, and once.
        settings=ordered(
            finetune={**config["finetune"], "trainable": "last", "repeats": 0},
            seed=config["seed"],
        ),


rule costs:
    input:
        targets=expand("<results>/data/{target}/meta.json", target=TARGETS),
    output:
        "<results>/truncation/costs.csv",
    log:
        "<results>/logs/costs.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=code_for("costs.py", *CUT_ARCHITECTURES or ARCHITECTURES),
        settings=ordered(
            architectures=CUT_ARCHITECTURES,
            targets=TARGETS,
            networks={architecture: network(architecture) for architecture in CUT_ARCHITECTURES},
            side=config["image"]["crop"],
        ),
    script:
        "../scripts/costs.py"


rule cuts:
    input:
        fine_tunings=CUT_FINE_TUNINGS,
        metrics=files_of(CUT_METRIC, CUT_CELLS),
        costs="<results>/truncation/costs.csv",
    output:
        accuracies="<results>/tables/cut_accuracies.csv",
        metrics="<results>/tables/cut_metrics.csv",
        choices="<results>/tables/cut_choices.csv",
        correlation="<results>/tables/cut_correlation.csv",
    log:
        "<results>/logs/cuts.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("cuts.py", *module_names(CUT_METRICS or METRICS)),
        settings=ordered(cells=CUT_CELLS, architectures=CUT_ARCHITECTURES, targets=TARGETS),
    script:
        "../scripts/cuts.py"


# Apart from the paper's, so that a change in one of these leaves Figure 5 alone.
rule other_cuts:
    input:
        fine_tunings=CUT_FINE_TUNINGS,
        metrics=files_of(CUT_METRIC, OTHER_CUT_CELLS),
        costs="<results>/truncation/costs.csv",
    output:
        metrics="<results>/tables/other_cut_metrics.csv",
        choices="<results>/tables/other_cut_choices.csv",
        correlation="<results>/tables/other_cut_correlation.csv",
    log:
        "<results>/logs/other_cuts.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("cuts.py", *module_names(OTHER_CUT_METRICS or METRICS)),
        settings=ordered(cells=OTHER_CUT_CELLS, architectures=CUT_ARCHITECTURES, targets=TARGETS),
    script:
        "../scripts/cuts.py"
