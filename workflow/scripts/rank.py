"""Print the answer of a ranking: the last lines of `snakemake rank` and `snakemake rank_verify`.

input: ranking, page, answer: json, html and txt of rank_report.py
Exits with an error if fewer than two candidates could be ranked.
"""

import sys
from pathlib import Path

from basemodel.files import read_json
from basemodel.report.rank_answer import next_steps
from basemodel.run.invocation import command

LEAST = 2  # candidates, or nothing is ranked

print(Path(snakemake.input.answer).read_text(encoding="utf-8"), end="")
found = read_json(snakemake.input.ranking) | {"verify_command": command("rank_verify")}
print(next_steps(found), end="")
print(f"The page: {snakemake.input.page}")
if len(found["candidates"]) < LEAST:
    sys.exit("Fewer than two candidates could be used: see the reasons above.")
