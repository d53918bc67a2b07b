"""Compare the candidates on the validation images: which are fine-tuned once more?

input:  tests: json of rank_tests.py; images: images.json; results: json of rank_finetune.py, of
        all candidates of this round, with all seeds so far; before: of the round before, if any
output: json, see rounds.decide
settings: seeds, budget: of the settings `rank`
"""

from basemodel.files import read_json, write_json
from basemodel.run.provenance import verify
from basemodel.selection.rounds import RATES, decide

verify(snakemake.params.code)
settings, tests = snakemake.params.settings, read_json(snakemake.input.tests)
results = {}
for result in map(read_json, snakemake.input.results):
    results.setdefault(result["slug"], []).append(result)
spent = RATES * len(results)
if snakemake.input.get("before"):
    spent = read_json(snakemake.input.before)["spent"] + len(results)
found = decide(
    list(results),
    results,
    tests["validation"],
    read_json(snakemake.input.images).get("task", "classes"),
    spent,
    settings["seeds"],
    settings["budget"],
)
write_json(snakemake.output[0], found)
print(f"round {found['round']}: {len(found['left'])} of {len(results)} may be the best")
