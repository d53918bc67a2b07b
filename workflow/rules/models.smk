# Base models: trained on the source tasks; featuremaps and fine-tuning on the target tasks.


rule pretrain:
    input:
        subset="<results>/subsets/{subset}.json",
        train=f"<results>/data/{config['source']}/train/images.npy",
        train_labels=f"<results>/data/{config['source']}/train/labels.npy",
        test=f"<results>/data/{config['source']}/test/images.npy",
        test_labels=f"<results>/data/{config['source']}/test/labels.npy",
    output:
        weights="<results>/models/{architecture}/{subset}.safetensors",
        card="<results>/models/{architecture}/{subset}.json",
    log:
        "<results>/logs/pretrain/{architecture}/{subset}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        **on_gpu(work.pretraining, "architecture", "subset"),
    params:
        code=lambda wildcards: code_for("pretrain.py", wildcards.architecture),
        settings=lambda wildcards: ordered(
            network=network(wildcards.architecture),
            pretrain=settings.pretrain_settings(config, wildcards.architecture),
            preprocessing=PREPROCESSING,
            seed=config["seed"],
        ),
    script:
        "../scripts/pretrain.py"


rule featuremaps:
    input:
        weights="<results>/models/{architecture}/{subset}.safetensors",
        card="<results>/models/{architecture}/{subset}.json",
        probe="<results>/probes/{target}/images.npy",
        images="<results>/data/{target}/train/images.npy",
    output:
        featuremaps="<results>/features/{architecture}/{subset}/{target}/featuremaps.npy",
        embeddings="<results>/features/{architecture}/{subset}/{target}/embeddings.npy",
        probabilities="<results>/features/{architecture}/{subset}/{target}/probabilities.npy",
        card="<results>/features/{architecture}/{subset}/{target}/card.json",
    log:
        "<results>/logs/featuremaps/{architecture}/{subset}/{target}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        **on_gpu(work.dump, "architecture", "target"),
        bundle=lambda wildcards: f"{wildcards.architecture}-{wildcards.subset}",
    params:
        code=lambda wildcards: code_for("featuremaps.py", wildcards.architecture),
        settings=ordered(dtype=config["probe"]["dtype"]),
    script:
        "../scripts/featuremaps.py"


rule finetune:
    input:
        weights="<results>/models/{architecture}/{subset}.safetensors",
        card="<results>/models/{architecture}/{subset}.json",
        meta="<results>/data/{target}/meta.json",
        train="<results>/data/{target}/train/images.npy",
        train_labels="<results>/data/{target}/train/labels.npy",
        test="<results>/data/{target}/test/images.npy",
        test_labels="<results>/data/{target}/test/labels.npy",
    output:
        "<results>/finetune/{architecture}/{subset}/{target}.json",
    log:
        "<results>/logs/finetune/{architecture}/{subset}/{target}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        **on_gpu(work.finetuning, "architecture", "target"),
        bundle=lambda wildcards: f"{wildcards.architecture}-{wildcards.subset}",
    params:
        code=lambda wildcards: code_for("finetune.py", wildcards.architecture),
        settings=ordered(finetune=config["finetune"], seed=config["seed"]),
    script:
        "../scripts/finetune.py"
