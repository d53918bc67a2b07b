"""The ranking as a page, as a table and as text.

input:  images: images.json; cards, scores: of candidates and then of their untrained baselines,
        in one order; templates: of the page; if candidates were fine-tuned, tests, shortlist,
        rounds, fine_tunings, tested and kept: json of rank_tests.py, rank_shortlist.py,
        rank_round.py, rank_finetune.py, rank_test.py and rank_kept.py
settings: candidates: their labels, by slug; name,
        settings, command: what ranking_json.py describes; by, metrics, weights: as in ranking.py;
        metadata: the user's table of ImageNet accuracies and its checksum, or null; seed
output: json, csv, page (html), answer (txt)
"""

import shutil
from pathlib import Path

from basemodel.files import read_json
from basemodel.report.rank_files import write_answer
from basemodel.run import versions
from basemodel.run.invocation import command
from basemodel.run.provenance import verify
from basemodel.selection import metadata, pooled_scores
from basemodel.selection.ranking import ranking
from basemodel.selection.verify import verified

STATIC = {"parameters": "size (largest first)", "imagenet": "accuracy on ImageNet"}

verify(snakemake.params.code)
settings = snakemake.params.settings
cards = [read_json(path) for path in snakemake.input.cards]
for card in cards:
    card["candidate"] = settings["candidates"][card["slug"]]
    card["python"] = settings["python"].get(card["slug"])
imagenet = metadata.of_cards(settings["metadata"][0], cards) if settings["metadata"] else {}
chosen = read_json(snakemake.input.images)
if snakemake.input.get("tests"):
    tests = read_json(snakemake.input.tests)
    chosen |= {"test": tests["test"], "problems": chosen["problems"] + tests["problems"]}
found = ranking(
    chosen,
    cards,
    [pooled_scores.read(path) for path in snakemake.input.scores],
    settings["metrics"],
    settings["by"],
    settings["weights"],
    imagenet,
    {
        "name": settings["name"],
        "settings": settings["settings"],
        "versions": versions.of((*versions.NETWORKS, "torchvision", "timm")),
        "command": command("rank_verify" if snakemake.input.get("fine_tunings") else "rank"),
        "verify_command": command("rank_verify"),
        "candidates_folder": str(Path(snakemake.input.images).parent / "candidates"),
    },
    settings["seed"],
)
if snakemake.input.get("rounds"):
    results = map(read_json, snakemake.input.fine_tunings)
    found["verify"] = verified(
        read_json(snakemake.input.shortlist),
        [read_json(path) for path in snakemake.input.rounds],
        [one | {"candidate": settings["candidates"][one["slug"]]} for one in results],
        [read_json(path) for path in snakemake.input.tested],
        tests["test"],
        chosen.get("task", "classes"),
        [candidate["slug"] for candidate in found["candidates"]],
        by=next(score["label"] for score in found["scores"] if score["name"] == settings["by"]),
        static_by=STATIC[found["static_order"]["by"]],
        fixed={c["slug"]: c["candidate"] for c in cards if c["source"] == "embeddings"},
        kept=str(Path(snakemake.input.kept).with_suffix(".safetensors"))
        if snakemake.input.get("kept")
        else None,
    )
outputs = snakemake.output
write_answer(found, outputs.json, outputs.csv, outputs.page, outputs.answer)
# Images as candidates crop them: none needs them any more.
shutil.rmtree(Path(snakemake.input.images).parent / "cropped", ignore_errors=True)
