"""An experiment on base models that are not trained here: which score to believe for real models?

Its steps are those of `snakemake rank` (basemodel.rank) for each target, and then those of
`snakemake compare` (basemodel.statistics.outside).
"""
