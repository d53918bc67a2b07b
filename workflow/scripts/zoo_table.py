"""All scores and accuracies of an experiment on `models` as one long table.

input:  for each target, in their order: images, tests: json of rank_images.py and rank_tests.py;
        and for each target and model: cards, scores: json of rank_candidate.py and rank_scores.py,
        of untrained baselines after the models; tested: json of rank_test.py, of models only
settings: targets: names; models: how each is called, by slug; families: of what it is a variant, by
        slug, where it states that; metrics; metadata: the user's table of ImageNet accuracies and
        its checksum, or null
output: table: csv, zoo.table.COLUMNS, which `snakemake compare` reads; trust: csv target, metric,
        trust, why (pooled_scores.trust); failures, targets: csv, zoo.table.FAILURES and IMAGES
"""

import shutil
from pathlib import Path

import pandas as pd

from basemodel.files import read_json
from basemodel.run.provenance import verify
from basemodel.selection import metadata
from basemodel.selection.names import Candidate
from basemodel.tables import write_csv
from basemodel.zoo import table
from basemodel.zoo.architectures import architecture

verify(snakemake.params.code)
settings, files = snakemake.params.settings, snakemake.input
targets, models, names = settings["targets"], settings["models"], settings["metrics"]
published = metadata.read(settings["metadata"][0]) if settings["metadata"] else {}


def of_target(number, paths):
    """The content of one target's files."""
    each = len(paths) // len(targets)
    return [read_json(path) for path in paths[number * each : (number + 1) * each]]


rows, trust, failures, images = [], [], [], []
for number, target in enumerate(targets):
    cards, scores, tested = (
        of_target(number, paths) for paths in (files.cards, files.scores, files.tested)
    )
    for card in cards:
        card["model"] = models.get(card["slug"], card["candidate"])
    trust += table.trusted(target, cards, scores, names)
    cards, scores = cards[: len(models)], scores[: len(models)]
    for card in cards:
        named = Candidate(card["source"], card["name"], card["file"] or "")
        card["family"] = settings["families"].get(card["slug"], card["model"])
        card["architecture"] = architecture(named)
        if card.get("imagenet_top1") is None:
            card["imagenet_top1"] = metadata.accuracy(named, published)
    divided = read_json(files.tests[number])
    images.append(table.images(target, read_json(files.images[number]), divided))
    labels = [image["label"] for image in divided["test"]]
    rows += table.rows(target, cards, scores, tested, labels, names)
    failures += table.failures(target, cards, scores, tested)
    # Images as models crop them: none needs them any more.
    shutil.rmtree(Path(files.images[number]).parent / "cropped", ignore_errors=True)

write_csv(snakemake.output.trust, pd.DataFrame(trust, columns=["target", "metric", "trust", "why"]))
write_csv(snakemake.output.failures, pd.DataFrame(failures, columns=table.FAILURES))
write_csv(snakemake.output.targets, pd.DataFrame(images, columns=table.IMAGES))
write_csv(snakemake.output.table, pd.DataFrame(rows, columns=table.COLUMNS))
print(f"{len(targets)} targets, {len(models)} models, {len(failures)} failures")
