# Names and functions for rank.smk, and for zoo.smk, which takes its steps for each target.

import json
import os
from dataclasses import asdict, dataclass

from basemodel.data import folders
from basemodel.data.listing import DataError
from basemodel.files import sha256
from basemodel.selection import division, names
from basemodel.selection.measured import BY, measured
from basemodel.zoo import experiment
from basemodel.zoo.models import SHELF, models

RANK = config["rank"]
RANKING = "images"
if config["images"]:
    RANKING = names.ranking_name(config["images"], Path(config["results"], "rank"))
# The targets of an experiment with `models` are rankings too.
ZOO = experiment.targets(config) if config["models"] else {}
# What the workflow makes of data sets first: class folders, or a table of labels.
ENDINGS = dict.fromkeys(experiment.generated(config), "") if ZOO else {}
ENDINGS |= dict.fromkeys(experiment.official(config), ".csv") if ZOO else {}
while RANKING in ZOO:
    RANKING = f"{RANKING}-images"
RANKED = f"<results>/rank/{RANKING}"
EACH = "<results>/rank/{ranking}"
# The user's candidates, or those of the shelf whose weights are here; then their untrained baselines.
CANDIDATES = names.candidates(config["candidates"] or HERE)
WITH_BASELINES = names.with_baselines(CANDIDATES)
MODELS = models(HERE if config["models"] == SHELF else config["models"])
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
TUNED = f"{EACH}/candidates/{{candidate}}/finetune/{{seed}}"


@dataclass(frozen=True)
class Ranking:
    """Which models are ranked for which images, and how they are fine-tuned.

    images: a folder or a table; None if the user names none, or if the workflow makes them first,
    at `made`. setting: that names the images, in messages.
    """

    images: str | None
    candidates: tuple
    images_per_class: int
    tuning: dict
    task: str = "classes"
    setting: str = "images"
    made: str = ""

    @property
    def place(self):
        return self.made or str(Path(self.images).expanduser())


RANKINGS = {
    name: Ranking(
        images=None if place is None else str(place),
        candidates=tuple(MODELS),
        images_per_class=config["probe"]["images_per_class"],
        tuning=experiment.tuning(config["finetune"]),
        setting=f"targets: {name}",
        made="" if place else f"{config['results']}/images/{name}{ENDINGS[name]}",
    )
    for name, place in ZOO.items()
}
RANKINGS[RANKING] = Ranking(
    images=config["images"],
    candidates=tuple(CANDIDATES),
    images_per_class=RANK["images_per_class"],
    tuning=RANK_TUNING,
    task=RANK["task"],
)
EVERY = {**WITH_BASELINES, **names.with_baselines(MODELS)}  # of all rankings, by slug


@cache
def divided_images(ranking=RANKING, task=None):
    """A ranking's images, found and split. Ends the run with a line if that cannot be done.

    task: what the labels are taken as; without it, the ranking's.
    """
    of = RANKINGS[ranking]
    if not of.images:
        raise SystemExit("config: images: names no folder; add --config images=FOLDER")
    try:
        return division.divide(of.images, pixels=has_networks(ranking), task=task or of.task)
    except DataError as error:
        raise SystemExit(f"config: {of.setting}: {error}") from None


def has_networks(ranking):
    return any(candidate.source != "embeddings" for candidate in RANKINGS[ranking].candidates)


def images_to_rank(wildcards):
    """The user's folder or table. Ends the run if it is not clear, or if there is nothing to rank.

    Its time stamp says nothing: what is in it is a parameter. (What the workflow makes has none.)
    """
    if wildcards.ranking in ZOO:
        of = RANKINGS[wildcards.ranking]
        return of.made or ancient(of.place)
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
    of, pixels = RANKINGS[wildcards.ranking], has_networks(wildcards.ranking)
    state = ""
    if workflow.is_main_process and not of.made:
        state = folders.state(of.images, pixels, of.task)
    return ordered(
        images=of.place,
        state=state,
        pixels=pixels,
        images_per_class=of.images_per_class,
        near_copies=RANK["near_copies"],
        task=of.task,
    )


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
    path = EVERY[slug].weights(Path(config["results"], "models"))
    return content_of(path) if path else ""


def content_of(path):
    return sha256(path) if os.path.isfile(path) and os.access(path, os.R_OK) else "not there"


def failures_of(ranking, slug, file="failures.json"):
    """How often a candidate has failed: a parameter, so that the next run tries it again."""
    file = Path(config["results"], "rank", ranking, "candidates", slug, file)
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
    return tuned(of_round(number), range(number))


def round_before(wildcards):
    number = int(wildcards.round) - 1
    return f"{RANKED}/verified/rounds/{number}.json" if number else []


def all_rounds(wildcards):
    return [f"{RANKED}/verified/rounds/{found['round']}.json" for found in rounds()]


def all_results(wildcards):
    return [
        file
        for number in range(1, len(rounds()) + 1)
        for file in tuned(of_round(number), [number - 1])
    ]


def tuned(slugs, seeds, ending="json", ranking=RANKING):
    """Files of fine-tunings, by candidate, then seed."""
    return expand(f"{TUNED}.{ending}", ranking=ranking, candidate=slugs, seed=seeds)


def seeds_of(wildcards):
    """The seeds with which a candidate was fine-tuned."""
    if wildcards.ranking in ZOO:
        return range(1 + config["finetune"]["repeats"])
    slug = wildcards.candidate
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
    ranking = wildcards.ranking
    looked_at = RANKINGS[ranking].candidates
    embeddings = any(candidate.source == "embeddings" for candidate in looked_at)
    return ordered(
        candidates=list(map(asdict, looked_at)),
        labels=names.labels(names.with_baselines(looked_at).values()),
        rows=divided_images(ranking).length if embeddings else 0,
        weights=[weights_of(candidate.slug) for candidate in looked_at],
        failures=[failures_of(ranking, candidate.slug) for candidate in looked_at],
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


wildcard_constraints:
    ranking=any_of(map(re.escape, RANKINGS)),
