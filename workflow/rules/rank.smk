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
        settings=ordered(
            candidates=config["candidates"],
            licence=RANK["licence"],
            most_parameters=RANK["most_parameters"],
        ),
    script:
        "../scripts/rank_fetch.py"


rule rank_images:
    input:
        folder=images_to_rank,
    output:
        f"{EACH}/images.json",
    log:
        "<results>/logs/rank/{ranking}/images.log",
    conda:
        "../../envs/environment.yaml"
    threads: 8
    params:
        code=code_for("rank_images.py", *catalog.available()),
        settings=choice_of_images,
    script:
        "../scripts/rank_images.py"


# First of all; it prints to the terminal. Candidates do not wait for it: if they did, each of them
# would run again when one changes.
rule rank_check:
    output:
        f"{EACH}/checked.json",
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


# All training images, and those that are held out: looked at only when candidates are fine-tuned.
rule rank_tests:
    input:
        images=f"{EACH}/images.json",
    output:
        f"{EACH}/tests.json",
    log:
        "<results>/logs/rank/{ranking}/tests.log",
    conda:
        "../../envs/environment.yaml"
    threads: 8
    params:
        code=fingerprint("rank_tests.py"),
    script:
        "../scripts/rank_tests.py"


rule rank_candidate:
    input:
        images=f"{EACH}/images.json",
    output:
        card=f"{EACH}/candidates/{{candidate}}/card.json",
        # As many as the network has; of one that cannot be used, none.
        arrays=directory(f"{EACH}/candidates/{{candidate}}/arrays"),
        failures=update(f"{EACH}/candidates/{{candidate}}/failures.json"),
    log:
        "<results>/logs/rank/{ranking}/{candidate}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        **RANK_GPU,
    params:
        code=code_for("rank_candidate.py", *catalog.available()),
        settings=lambda wildcards: ordered(
            candidate=asdict(EVERY[wildcards.candidate]),
            weights=weights_of(wildcards.candidate),
            failures=failures_of(wildcards.ranking, wildcards.candidate),
            dtype=config["probe"]["dtype"],
        ),
    script:
        "../scripts/rank_candidate.py"


rule rank_scores:
    input:
        card=f"{EACH}/candidates/{{candidate}}/card.json",
        # Folders have only a time stamp and no checksum: the card has the files' checksums instead.
        arrays=ancient(f"{EACH}/candidates/{{candidate}}/arrays"),
        images=f"{EACH}/images.json",
    output:
        f"{EACH}/candidates/{{candidate}}/scores.json",
    log:
        "<results>/logs/rank/{ranking}/{candidate}-scores.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        bundle="rank_scores",
    params:
        code=fingerprint("rank_scores.py", *module_names(RANK_METRICS)),
        settings=ordered(metrics=RANK_METRICS, seed=config["seed"]),
    script:
        "../scripts/rank_scores.py"


# What users have open stays until its successor is whole, and if that fails. Snakemake then takes
# such a file for new, but the answer is gone, and so the next run makes all of them.
rule rank_report:
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


# It prints to the terminal what is going to be done.
checkpoint rank_shortlist:
    input:
        images_to_verify,
        ranking=f"{RANKED}/ranking.json",
        tests=f"{RANKED}/tests.json",
    output:
        f"{RANKED}/verified/rounds/shortlist.json",
    handover: True
    conda:
        "../../envs/environment.yaml"
    resources:
        **COMMAND,
    params:
        code=fingerprint("rank_shortlist.py"),
        settings=ordered(
            networks=NETWORKS,
            verify=RANK["verify"],
            seeds=RANK["seeds"],
            budget=RANK["budget"],
            tuning=RANK_TUNING,
        ),
    script:
        "../scripts/rank_shortlist.py"


rule rank_finetune:
    input:
        images=f"{EACH}/images.json",
        tests=f"{EACH}/tests.json",
        card=f"{EACH}/candidates/{{candidate}}/card.json",
        first=lambda wildcards: (
            []
            if wildcards.seed == "0"
            else tuned(wildcards.candidate, 0, ranking=wildcards.ranking)[0]
        ),
    output:
        result=f"{TUNED}.json",
        network=f"{TUNED}.safetensors",
        failures=update(f"{TUNED}-failures.json"),
    log:
        "<results>/logs/rank/{ranking}/{candidate}-finetune-{seed}.log",
    wildcard_constraints:
        seed=r"\d+",
    conda:
        "../../envs/environment.yaml"
    resources:
        **RANK_GPU,
    params:
        code=code_for("rank_finetune.py", *catalog.available()),
        settings=lambda wildcards: ordered(
            candidate=asdict(EVERY[wildcards.candidate]),
            tuning=RANKINGS[wildcards.ranking].tuning,
            seed=int(wildcards.seed),
            failures=failures_of(
                wildcards.ranking,
                wildcards.candidate,
                f"finetune/{wildcards.seed}-failures.json",
            ),
        ),
    script:
        "../scripts/rank_finetune.py"


# Which candidates are fine-tuned once more?
checkpoint rank_round:
    input:
        images=f"{RANKED}/images.json",
        tests=f"{RANKED}/tests.json",
        results=results_of_round,
        before=round_before,
    output:
        f"{RANKED}/verified/rounds/{{round}}.json",
    log:
        f"<results>/logs/rank/{RANKING}/round-{{round}}.log",
    wildcard_constraints:
        round=r"\d+",
    conda:
        "../../envs/environment.yaml"
    params:
        code=fingerprint("rank_round.py"),
        settings=ordered(seeds=RANK["seeds"], budget=RANK["budget"]),
    script:
        "../scripts/rank_round.py"


# The only step that looks at the test images.
rule rank_test:
    input:
        images=f"{EACH}/images.json",
        tests=f"{EACH}/tests.json",
        results=lambda wildcards: tuned(
            wildcards.candidate, seeds_of(wildcards), ranking=wildcards.ranking
        ),
        networks=lambda wildcards: tuned(
            wildcards.candidate, seeds_of(wildcards), "safetensors", wildcards.ranking
        ),
    output:
        f"{EACH}/verified/tests/{{candidate}}.json",
    log:
        "<results>/logs/rank/{ranking}/{candidate}-test.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        **RANK_GPU,
    params:
        code=code_for("rank_test.py", *catalog.available()),
        settings=lambda wildcards: ordered(
            candidate=asdict(EVERY[wildcards.candidate]),
            tuning=RANKINGS[wildcards.ranking].tuning,
        ),
    script:
        "../scripts/rank_test.py"


rule rank_kept:
    input:
        images=f"{RANKED}/images.json",
        tests=f"{RANKED}/tests.json",
        result=lambda wildcards: tuned(*best())[0],
        network=lambda wildcards: tuned(*best(), "safetensors")[0],
        tested=lambda wildcards: f"{RANKED}/verified/tests/{best()[0]}.json",
    output:
        weights=f"{RANKED}/verified/best.safetensors",
        card=f"{RANKED}/verified/best.json",
    log:
        f"<results>/logs/rank/{RANKING}/kept.log",
    conda:
        "../../envs/environment.yaml"
    params:
        code=code_for("rank_kept.py", *catalog.available()),
        settings=lambda wildcards: ordered(
            candidate=asdict(WITH_BASELINES[best()[0]]), tuning=RANK_TUNING, seed=best()[1]
        ),
    script:
        "../scripts/rank_kept.py"


rule rank_report_verified:
    input:
        images_to_verify,
        **RANK_INPUTS,
        tests=f"{RANKED}/tests.json",
        ranking=f"{RANKED}/ranking.json",
        shortlist=f"{RANKED}/verified/rounds/shortlist.json",
        rounds=all_rounds,
        fine_tunings=all_results,
        tested=tested,
        kept=best_card,
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
        settings=ordered(**RANK_SETTINGS),
    script:
        "../scripts/rank_report.py"
