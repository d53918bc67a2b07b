"""A module beside the scripts, which they find by Snakemake's search path."""

STATE = ["clean"]
