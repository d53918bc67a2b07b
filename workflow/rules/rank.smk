# `snakemake rank`: which pre-trained model should one start from, for the images of a user? Not a
# stage of the experiment, and never run by itself.

from dataclasses import asdict

from basemodel.rank import curated, names, verify
from basemodel.rank.images import state as state_of_images

RANK = config["rank"]
RANKING = names.ranking_name(config["images"]) if config["images"] else "images"
RANKED = f"<results>/rank/{RANKING}"
# The user's candidates, or well-known ones whose weights are here; then their untrained twins.
CANDIDATES = names.candidates(config["candidates"]) or curated.here()
WITH_CONTROLS = names.with_controls(CANDIDATES)
# What is known of base models only says nothing of other candidates.
RANK_METRICS = without(["card"], ALL_METRICS)
RANK_BY = {"linear_probe": "LinearProbe", "knn": "kNN"}[RANK["by"]]
RANK_METRICS += [name for name in ("LinearProbe", "kNN") if name not in RANK_METRICS]
RANK_FILES = ["ranking.json", "ranking.csv", "report.html", "answer.txt"]
# How rank_verify fine-tunes: the paper's optimizer and rate.
RANK_TUNING = {
    "trainable": RANK["trainable"],
    "epochs": RANK["epochs"],
    "batch": 16,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 0,
    "warmup_epochs": 1,
    "step_epochs": RANK["epochs"],
    "gamma": 1,
    "initialisation": "torchvision",
    "precision": "auto",
    "compile": False,
}


def images_to_rank(wildcards):
    """Adds no tracked input, but is called exactly when something is to be ranked."""
    if not config["images"]:
        raise SystemExit("config: images: names no folder; add --config images=FOLDER")
    if not CANDIDATES:
        raise SystemExit(
            "config: candidates: none is named, and of the well-known models none has its weights "
            "on this machine; `snakemake rank_fetch --cores 1` downloads them, or name your own"
        )
    return []


def weights_of(wildcards):
    """The state of a file that may change: it is a parameter, so that the candidate runs again."""
    candidate = WITH_CONTROLS[wildcards.candidate]
    if candidate.file:
        path = Path(candidate.file).expanduser()
    elif candidate.source == "base" and not candidate.untrained:
        path = Path(config["results"], "models", f"{candidate.name}.safetensors")
    else:
        return ""
    return [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else "missing"


def try_again(wildcards):
    """Adds no tracked input, but forces a rerun of a candidate that failed."""
    card = Path(RANKED.replace("<results>", config["results"]), "candidates", wildcards.candidate)
    if workflow.is_main_process and (card / "card.json").exists():
        if json.loads((card / "card.json").read_text(encoding="utf-8"))["failed"]:
            workflow.dag.forcefiles.add(str(card / "card.json"))
    return []


def shortlist(wildcards):
    """What rank_verify fine-tunes, by slug: known only when the ranking is."""
    found = json.loads(Path(checkpoints.rank_report.get().output.json).read_text(encoding="utf-8"))
    if not found["labelled"] or not found["candidates"]:
        raise SystemExit("config: images: without labels, or candidates, nothing can be fine-tuned")
    order = [candidate["slug"] for candidate in found["candidates"]]
    return verify.shortlist(order, found["static_order"]["slugs"][0], RANK["verify"])


rule rank:
    input:
        expand(f"{RANKED}/{{file}}", file=RANK_FILES),
    log:
        "<results>/logs/rank.log",
    localrule: True
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
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        python=as_it_is(PYTHON),
    shell:
        "{params.python:q} -m basemodel.rank.answer {input:q} 2>&1 | tee {log:q}"


rule rank_candidates:
    log:
        "<results>/logs/rank_candidates.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        python=as_it_is(PYTHON),
        models="<results>/models",
        find=as_it_is(RANK["find"]),
    shell:
        "{params.python:q} -m basemodel.rank.catalogue {params.models:q} {params.find:q} 2>&1 "
        "| tee {log:q}"


# The only step of ranking that uses the network.
rule rank_fetch:
    log:
        "<results>/logs/rank_fetch.log",
    localrule: True
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
        images=as_it_is(str(Path(config["images"] or "").expanduser())),
        state=state_of_images(Path(config["images"]).expanduser()) if config["images"] else "",
        images_per_class=RANK["images_per_class"],
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
        gpu=1,
    params:
        code=fingerprint("rank_candidate.py"),
        candidate=lambda wildcards: asdict(WITH_CONTROLS[wildcards.candidate]),
        models="<results>/models",
        weights=weights_of,
        dtype=config["probe"]["dtype"],
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
    params:
        code=fingerprint("rank_scores.py", *module_names(RANK_METRICS)),
        metrics=RANK_METRICS,
        seed=config["seed"],
    script:
        "../scripts/rank_scores.py"


RANK_INPUTS = {
    "images": f"{RANKED}/images.json",
    "cards": expand(f"{RANKED}/candidates/{{candidate}}/card.json", candidate=WITH_CONTROLS),
    "scores": expand(f"{RANKED}/candidates/{{candidate}}/scores.json", candidate=WITH_CONTROLS),
    "templates": sorted(
        map(str, Path(workflow.basedir).glob("workflow/basemodel/report/templates/*"))
    ),
}
RANK_PARAMS = {
    "code": fingerprint("rank_report.py", *module_names(RANK_METRICS)),
    "name": RANKING,
    "by": RANK_BY,
    "metrics": RANK_METRICS,
    "metadata": as_it_is(RANK["metadata"] or ""),
    "settings": as_it_is(
        {key: config[key] for key in ("images", "candidates", "rank", "seed", "probe")}
    ),
    "command": as_it_is(f"snakemake rank --cores --config images={config['images']}"),
    "seed": config["seed"],
}


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
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        **RANK_PARAMS,
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
        gpu=1,
    params:
        code=fingerprint("rank_finetune.py"),
        candidate=lambda wildcards: asdict(WITH_CONTROLS[wildcards.candidate]),
        models="<results>/models",
        settings=RANK_TUNING,
        seed=lambda wildcards: int(wildcards.seed),
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
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        **RANK_PARAMS,
        verify=RANK["verify"],
    script:
        "../scripts/rank_report.py"
