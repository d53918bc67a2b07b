# `snakemake rank`: which pre-trained model should one start from, for the images of a user? Not a
# stage of the experiment, and never run by itself.


rule rank:
    input:
        expand(f"{RANKED}/{{file}}", file=RANK_FILES),
    log:
        "<results>/logs/rank.log",
    conda:
        "../../envs/environment.yaml"
    params:
        python=as_it_is(PYTHON),
    # A shell command, because its output is for the terminal.
    shell:
        "{params.python:q} -m basemodel.rank.answer {input:q} 2>&1 | tee {log:q}"


rule rank_verify:
    input:
        expand(f"{RANKED}/verified/{{file}}", file=RANK_FILES),
    log:
        "<results>/logs/rank_verify.log",
    conda:
        "../../envs/environment.yaml"
    params:
        python=as_it_is(PYTHON),
    shell:
        "{params.python:q} -m basemodel.rank.answer {input:q} 2>&1 | tee {log:q}"


rule rank_candidates:
    log:
        "<results>/logs/rank_candidates.log",
    conda:
        "../../envs/environment.yaml"
    params:
        python=as_it_is(PYTHON),
        models=as_it_is(f"{config['results']}/models"),
        find=as_it_is(RANK["find"]),
    shell:
        "{params.python:q} -m basemodel.rank.catalogue {params.models:q} {params.find:q} 2>&1 "
        "| tee {log:q}"


# The only step of ranking that uses the network.
rule rank_fetch:
    log:
        "<results>/logs/rank_fetch.log",
    conda:
        "../../envs/environment.yaml"
    params:
        python=as_it_is(PYTHON),
        candidates=as_it_is(json.dumps(config["candidates"])),
    shell:
        "{params.python:q} -m basemodel.rank.fetch {params.candidates:q} 2>&1 | tee {log:q}"


rule rank_images:
    input:
        images_to_rank,
    output:
        f"{RANKED}/images.json",
    log:
        f"<results>/logs/rank/{RANKING}/images.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("rank_images.py"),
        settings=ordered(
            images=str(Path(config["images"] or "").expanduser()),
            state=state_of_images(Path(config["images"]).expanduser()) if config["images"] else "",
            images_per_class=RANK["images_per_class"],
        ),
    script:
        "../scripts/rank_images.py"


rule rank_candidate:
    input:
        try_again,
        images=f"{RANKED}/images.json",
    output:
        card=f"{RANKED}/candidates/{{candidate}}/card.json",
    log:
        f"<results>/logs/rank/{RANKING}/{{candidate}}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        **RANK_GPU,
    params:
        code=fingerprint("rank_candidate.py"),
        settings=lambda wildcards: ordered(
            candidate=asdict(WITH_CONTROLS[wildcards.candidate]),
            weights=weights_of(wildcards),
            dtype=config["probe"]["dtype"],
        ),
    script:
        "../scripts/rank_candidate.py"


rule rank_scores:
    input:
        card=f"{RANKED}/candidates/{{candidate}}/card.json",
        images=f"{RANKED}/images.json",
    output:
        f"{RANKED}/candidates/{{candidate}}/scores.json",
    log:
        f"<results>/logs/rank/{RANKING}/{{candidate}}-scores.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        bundle="rank_scores",
    params:
        code=fingerprint("rank_scores.py", *module_names(RANK_METRICS)),
        settings=ordered(metrics=RANK_METRICS, seed=config["seed"]),
    script:
        "../scripts/rank_scores.py"


# rank_verify asks it which candidates came first.
checkpoint rank_report:
    input:
        **RANK_INPUTS,
    output:
        json=f"{RANKED}/ranking.json",
        csv=f"{RANKED}/ranking.csv",
        page=f"{RANKED}/report.html",
        answer=f"{RANKED}/answer.txt",
    log:
        f"<results>/logs/rank/{RANKING}/report.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=RANK_CODE,
        settings=ordered(**RANK_SETTINGS),
    script:
        "../scripts/rank_report.py"


rule rank_finetune:
    input:
        images=f"{RANKED}/images.json",
        card=f"{RANKED}/candidates/{{candidate}}/card.json",
    output:
        f"{RANKED}/candidates/{{candidate}}/finetune/{{seed}}.json",
    log:
        f"<results>/logs/rank/{RANKING}/{{candidate}}-finetune-{{seed}}.log",
    wildcard_constraints:
        seed=r"\d+",
    conda:
        "../../envs/environment.yaml"
    resources:
        **RANK_GPU,
    params:
        code=fingerprint("rank_finetune.py"),
        settings=lambda wildcards: ordered(
            candidate=asdict(WITH_CONTROLS[wildcards.candidate]),
            tuning=RANK_TUNING,
            seed=int(wildcards.seed),
        ),
    script:
        "../scripts/rank_finetune.py"


rule rank_report_verified:
    input:
        **RANK_INPUTS,
        ranking=f"{RANKED}/ranking.json",
        fine_tunings=lambda wildcards: expand(
            f"{RANKED}/candidates/{{candidate}}/finetune/{{seed}}.json",
            candidate=shortlist(wildcards),
            seed=range(RANK["seeds"]),
        ),
    output:
        json=f"{RANKED}/verified/ranking.json",
        csv=f"{RANKED}/verified/ranking.csv",
        page=f"{RANKED}/verified/report.html",
        answer=f"{RANKED}/verified/answer.txt",
    log:
        f"<results>/logs/rank/{RANKING}/verified.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=RANK_CODE,
        settings=ordered(**RANK_SETTINGS, verify=RANK["verify"]),
    script:
        "../scripts/rank_report.py"
