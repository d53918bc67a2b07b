rule none:
    output:
        "out/none.txt",
    script:
        "record.py"
