# `snakemake rank`: which pre-trained model should one start from, for the images of a user? Not a
# stage of the experiment, and never run by itself.


include: "rank_common.smk"


# What users ask for; the output is for the terminal.
rule rank:
    input:
        ranking=f"{RANKED}/ranking.json",
        table=f"{RANKED}/ranking.csv",
        page=f"{RANKED}/report.html",
        answer=f"{RANKED}/answer.txt",
        checked=f"{RANKED}/checked.json",
    handover: True
    conda:
        "../../envs/environment.yaml"
    resources:
        **COMMAND,
    script:
        "../scripts/rank.py"


rule rank_verify:
    input:
        ranking=f"{RANKED}/verified/ranking.json",
        table=f"{RANKED}/verified/ranking.csv",
        page=f"{RANKED}/verified/report.html",
        answer=f"{RANKED}/verified/answer.txt",
        checked=f"{RANKED}/checked.json",
    handover: True
    conda:
        "../../envs/environment.yaml"
    resources:
        **COMMAND,
    script:
        "../scripts/rank.py"


rule rank_candidates:
    handover: True
    conda:
        "../../envs/environment.yaml"
    resources:
        **COMMAND,
    params:
        settings=ordered(models=f"{config['results']}/models", find=RANK["find"]),
    script:
        "../scripts/rank_candidates.py"


# The only step of ranking that uses the network.
rule rank_fetch:
    handover: True
    conda:
        "../../envs/environment.yaml"
    resources:
        **COMMAND,
    params:
        settings=ordered(candidates=config["candidates"]),
    script:
        "../scripts/rank_fetch.py"


rule rank_images:
    input:
        folder=images_to_rank,
    output:
        f"{RANKED}/images.json",
    log:
        f"<results>/logs/rank/{RANKING}/images.log",
    conda:
        "../../envs/environment.yaml"
    threads: 8
    params:
        code=fingerprint("rank_images.py"),
        settings=choice_of_images,
    script:
        "../scripts/rank_images.py"


# First of all; it prints to the terminal. Candidates do not wait for it: if they did, each of them
# would run again when one changes.
rule rank_check:
    output:
        f"{RANKED}/checked.json",
    priority: 3
    handover: True
    conda:
        "../../envs/environment.yaml"
    resources:
        **COMMAND,
    params:
        code=code_for("rank_check.py", *catalog.available()),
        settings=check_settings,
    script:
        "../scripts/rank_check.py"


# The images that are held out: looked at only when candidates are fine-tuned.
rule rank_tests:
    input:
        images=f"{RANKED}/images.json",
    output:
        f"{RANKED}/tests.json",
    log:
        f"<results>/logs/rank/{RANKING}/tests.log",
    conda:
        "../../envs/environment.yaml"
    threads: 8
    params:
        code=fingerprint("rank_tests.py"),
    script:
        "../scripts/rank_tests.py"


rule rank_candidate:
    input:
        images=f"{RANKED}/images.json",
    output:
        card=f"{RANKED}/candidates/{{candidate}}/card.json",
        # As many as the network has; of one that cannot be used, none.
        arrays=directory(f"{RANKED}/candidates/{{candidate}}/arrays"),
        failures=update(f"{RANKED}/candidates/{{candidate}}/failures.json"),
    log:
        f"<results>/logs/rank/{RANKING}/{{candidate}}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        **RANK_GPU,
    params:
        code=code_for("rank_candidate.py", *catalog.available()),
        settings=lambda wildcards: ordered(
            candidate=asdict(WITH_BASELINES[wildcards.candidate]),
            weights=weights_of(wildcards.candidate),
            failures=failures_of(wildcards.candidate),
            dtype=config["probe"]["dtype"],
        ),
    script:
        "../scripts/rank_candidate.py"


rule rank_scores:
    input:
        card=f"{RANKED}/candidates/{{candidate}}/card.json",
        # Folders have only a time stamp and no checksum: the card has the files' checksums instead.
        arrays=ancient(f"{RANKED}/candidates/{{candidate}}/arrays"),
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


# rank_verify asks it which candidates came first. What users have open stays until its successor is
# whole, and if that fails. Snakemake then takes such a file for new, but the answer is gone, and so
# the next run makes all of them.
checkpoint rank_report:
    input:
        **RANK_INPUTS,
    output:
        json=update(f"{RANKED}/ranking.json"),
        csv=update(f"{RANKED}/ranking.csv"),
        page=update(f"{RANKED}/report.html"),
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
        tests=f"{RANKED}/tests.json",
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
        code=code_for("rank_finetune.py", *catalog.available()),
        settings=lambda wildcards: ordered(
            candidate=asdict(WITH_BASELINES[wildcards.candidate]),
            tuning=RANK_TUNING,
            seed=int(wildcards.seed),
        ),
    script:
        "../scripts/rank_finetune.py"


rule rank_report_verified:
    input:
        images_to_verify,
        **RANK_INPUTS,
        tests=f"{RANKED}/tests.json",
        ranking=f"{RANKED}/ranking.json",
        fine_tunings=lambda wildcards: expand(
            f"{RANKED}/candidates/{{candidate}}/finetune/{{seed}}.json",
            candidate=shortlist(wildcards),
            seed=range(RANK["seeds"]),
        ),
    output:
        json=update(f"{RANKED}/verified/ranking.json"),
        csv=update(f"{RANKED}/verified/ranking.csv"),
        page=update(f"{RANKED}/verified/report.html"),
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
