"""Say which candidates are fine-tuned first, how often at most, and how long that takes.

input:  ranking: ranking.json of rank_report.py; tests: json of rank_tests.py
output: json: slugs, best first by the score and then the first by the static order; first and
        static: the first by either
settings: networks: slugs of what can be fine-tuned; verify, seeds, budget: of the settings `rank`;
        tuning: settings of the training
"""

from basemodel.files import read_json, write_json
from basemodel.run.invocation import cores
from basemodel.run.provenance import verify
from basemodel.selection import rounds

verify(snakemake.params.code)
settings, found = snakemake.params.settings, read_json(snakemake.input.ranking)
tests = read_json(snakemake.input.tests)
order = [one["slug"] for one in found["candidates"] if one["slug"] in settings["networks"]]
if not found["labelled"] or not order:
    raise SystemExit("config: candidates: no network among them could be ranked to fine-tune it")
static = next(iter(found["static_order"]["slugs"]), None)
slugs = rounds.shortlist(order, static, settings["verify"], settings["budget"])
speeds = {one["slug"]: one["images_per_second"] for one in found["candidates"]}
once = rounds.seconds(
    [speeds[slug] for slug in slugs], len(tests["train"]), len(tests["validation"]),
    settings["tuning"],
)  # fmt: skip
# Of frozen features one pass does for all rates.
rates = rounds.RATES if settings["tuning"]["trainable"] == "all" else 1
both = once and [rates * seconds for seconds in once]
# What shares a GPU is not faster by that.
jobs = cores() if found["timing"]["device"] == "cpu" else 1
said = rounds.plan(both, once, len(slugs), settings["seeds"], settings["budget"], jobs)
print(
    f"Trains on {len(tests['train'])} images, chooses on {len(tests['validation'])}, {said}",
    flush=True,
)
write_json(snakemake.output[0], {"slugs": slugs, "first": order[0], "static": static})
