shell.prefix("export PREFIXED=yes; ")


rule all:
    output:
        "out/all.txt",
    script:
        "who.py"
