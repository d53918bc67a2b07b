"""Print the answer of a ranking; `snakemake rank` ends with it.

    python -m basemodel.rank.answer RANKING.json RANKING.csv REPORT.html ANSWER.txt

Exits with an error if fewer than two candidates could be ranked.
"""

import sys
from pathlib import Path

from basemodel.files import read_json

LEAST = 2  # candidates, or nothing is ranked

if __name__ == "__main__":
    ranking, _, page, answer = sys.argv[1:]
    print(Path(answer).read_text(encoding="utf-8"), end="")
    print(f"The page: {page}")
    if len(read_json(ranking)["candidates"]) < LEAST:
        sys.exit("Fewer than two candidates could be used: see the reasons above.")
