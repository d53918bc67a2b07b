"""Run the Python scripts of local Snakemake jobs in children forked from a warm process."""
