# Names and functions for rank.smk.

import json
import os
from dataclasses import asdict

from basemodel.data import folders
from basemodel.data.listing import DataError
from basemodel.files import sha256
from basemodel.selection import division, names
from basemodel.selection.measured import BY, measured

RANK = config["rank"]
RANKING = "images"
if config["images"]:
    RANKING = names.ranking_name(config["images"], Path(config["results"], "rank"))
RANKED = f"<results>/rank/{RANKING}"
# The user's candidates, or those of the shelf whose weights are here; then their untrained baselines.
CANDIDATES = names.candidates(config["candidates"] or HERE)
WITH_BASELINES = names.with_baselines(CANDIDATES)
NETWORKS = [candidate.slug for candidate in CANDIDATES if candidate.source != "embeddings"]
RANK_METRICS, RANK_BY = measured(ALL_METRICS), BY[RANK["by"]]
# How large a candidate is shows when it is loaded: the same resources for all of them.
RANK_GPU = resources.allocate(config["runtime"], None)._asdict()
# How rank_verify fine-tunes; optimizer and learning rate are chosen for each network. The rate falls
# to a tenth after 7 of 10 epochs. Left as it is to the end, a whole network trained on few images
# loses some 10 points.
RANK_TUNING = {
    "trainable": RANK["trainable"],
    "epochs": RANK["epochs"],
    "batch": 16,
    "momentum": 0.9,
    "weight_decay": 0,
    "warmup_epochs": 1,
    "step_epochs": max(1, round(0.7 * RANK["epochs"])),
    "gamma": 0.1,
    "initialisation": "torchvision",
    "precision": "float32",
    "compile": False,
}
TUNED = f"{RANKED}/candidates/{{candidate}}/finetune/{{seed}}"


@cache
def divided_images():
    """The user's images, found and split. Ends the run with a line if that cannot be done."""
    if not config["images"]:
        raise SystemExit("config: images: names no folder; add --config images=FOLDER")
    try:
        return division.divide(config["images"], pixels=bool(NETWORKS), task=RANK["task"])
    except DataError as error:
        raise SystemExit(f"config: images: {error}") from None


def images_to_rank(wildcards):
    """The user's folder or table. Ends the run if it is not clear, or if there is nothing to rank.

    Its time stamp says nothing: what is in it is a parameter.
    """
    if (
        workflow.is_main_process
        and divided_images().length == 0
        and len(NETWORKS) < len(CANDIDATES)
    ):
        raise SystemExit(
            "config: candidates: embeddings are rows of a table of labels, and images is none; name "
            "one, such as --config images=labels.csv"
        )
    if not CANDIDATES:
        raise SystemExit(
            "config: candidates: none is named, and of the shelf's models that rank.licence and "
            "rank.most_parameters allow none has its weights on this machine; `snakemake "
            "rank_fetch --cores 1` downloads them, or name your own"
        )
    return ancient(str(Path(config["images"]).expanduser()))


def choice_of_images(wildcards):
    """What the choice of images depends on. Only the main process walks the user's folder."""
    pixels = bool(NETWORKS)
    state = ""
    if workflow.is_main_process:
        state = folders.state(config["images"], pixels, RANK["task"])
    place = str(Path(config["images"]).expanduser())
    chosen = {key: RANK[key] for key in ("images_per_class", "near_copies", "task")}
    return ordered(images=place, state=state, pixels=pixels, **chosen)


def images_to_verify(wildcards):
    """No file. Ends the run before its first job if no candidate could be fine-tuned."""
    if workflow.is_main_process:
        divided = divided_images()
        if CANDIDATES and not NETWORKS:
            raise SystemExit(
                "config: candidates: embeddings cannot be fine-tuned; name the models that made them"
            )
        if not divided.labelled:
            raise SystemExit(
                "config: images: nothing can be fine-tuned without labels; put the images into one "
                "folder per class, or name a table of labels"
            )
        if not any(divided.test.values()):
            raise SystemExit("config: images: none can be held out to test on; add some")
    return []


@cache
def weights_of(slug):
    """The content of a file that may change: it is a parameter, so that the candidate runs again.

    Sizes and times do not tell: programs that copy files keep them.
    """
    path = WITH_BASELINES[slug].weights(Path(config["results"], "models"))
    return content_of(path) if path else ""


def content_of(path):
    return sha256(path) if os.path.isfile(path) and os.access(path, os.R_OK) else "not there"


def failures_of(slug, file="failures.json"):
    """How often a candidate has failed: a parameter, so that the next run tries it again."""
    file = Path(config["results"], "rank", RANKING, "candidates", slug, file)
    return len(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else 0


def made(checkpoint):
    """What a checkpoint has written, once it has."""
    return json.loads(Path(checkpoint.output[0]).read_text(encoding="utf-8"))


def shortlisted():
    return made(checkpoints.rank_shortlist.get())


def of_round(number):
    """The candidates that are fine-tuned in a round, by slug."""
    if number == 1:
        return shortlisted()["slugs"]
    return made(checkpoints.rank_round.get(round=number - 1))["left"]


def rounds():
    """What all rounds have decided."""
    found = [made(checkpoints.rank_round.get(round=1))]
    while not found[-1]["stop"]:
        found.append(made(checkpoints.rank_round.get(round=len(found) + 1)))
    return found


def results_of_round(wildcards):
    number = int(wildcards.round)
    return expand(f"{TUNED}.json", candidate=of_round(number), seed=range(number))


def round_before(wildcards):
    number = int(wildcards.round) - 1
    return f"{RANKED}/verified/rounds/{number}.json" if number else []


def all_rounds(wildcards):
    return [f"{RANKED}/verified/rounds/{found['round']}.json" for found in rounds()]


def all_results(wildcards):
    return [
        file
        for number in range(1, len(rounds()) + 1)
        for file in expand(f"{TUNED}.json", candidate=of_round(number), seed=number - 1)
    ]


def seeds_of(slug):
    """The seeds with which a candidate was fine-tuned."""
    return range(max(found["round"] for found in rounds() if slug in found["values"]))


def tested(wildcards):
    """What may be the best, and the first by the score and by the static order, if they did not
    fail."""
    found = rounds()
    failed = {slug for each in found for slug in each["failed"]}
    wanted = [shortlisted()[by] for by in ("first", "static")] + found[-1]["left"]
    named = [slug for slug in of_round(1) if slug in wanted and slug not in failed]
    return expand(f"{RANKED}/verified/tests/{{candidate}}.json", candidate=named)


def best():
    """The candidate and the seed of the network to keep; no card, if all failed."""
    last = rounds()[-1]
    return last["best"], last["seed"]


def best_card(wildcards):
    return f"{RANKED}/verified/best.json" if best()[0] else []


def check_settings(wildcards):
    """What rank_check.py looks at."""
    return ordered(
        candidates=list(map(asdict, CANDIDATES)),
        labels=LABELS,
        rows=divided_images().length if len(NETWORKS) < len(CANDIDATES) else 0,
        weights=[weights_of(candidate.slug) for candidate in CANDIDATES],
        failures=[failures_of(candidate.slug) for candidate in CANDIDATES],
    )


LABELS = names.labels(WITH_BASELINES.values())
# The user's table, and its content.
METADATA = RANK["metadata"] and [RANK["metadata"], content_of(Path(RANK["metadata"]).expanduser())]
RANK_INPUTS = {
    "images": f"{RANKED}/images.json",
    "cards": expand(f"{RANKED}/candidates/{{candidate}}/card.json", candidate=WITH_BASELINES),
    "scores": expand(f"{RANKED}/candidates/{{candidate}}/scores.json", candidate=WITH_BASELINES),
    "templates": sorted(
        map(str, Path(workflow.basedir).glob("workflow/basemodel/report/templates/*"))
    ),
}
RANK_CODE = fingerprint("rank_report.py", *module_names(RANK_METRICS))
RANK_SETTINGS = {
    "name": RANKING,
    "by": RANK_BY,
    "weights": RANK["weights"],
    "metrics": RANK_METRICS,
    "candidates": LABELS,
    "metadata": METADATA,
    "python": {candidate.slug: candidate.python for candidate in CANDIDATES},
    "settings": {key: config[key] for key in ("images", "candidates", "seed", "probe")}
    | {"rank": {key: value for key, value in RANK.items() if key != "find"}},
    "seed": config["seed"],
}
