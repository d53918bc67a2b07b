echo "${snakemake[rule]}" > "${snakemake_output[0]}"
