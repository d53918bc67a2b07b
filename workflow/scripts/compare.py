"""Print what the comparison of a table found: the last lines of `snakemake compare`.

input: summary, page: txt and html of compare_table.py
"""

from pathlib import Path

print(Path(snakemake.input.summary).read_text(encoding="utf-8"), end="")
print(f"The page: {snakemake.input.page}")
