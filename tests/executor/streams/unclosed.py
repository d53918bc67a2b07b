"""Leave files open, and things to do at exit, as Python allows a script to."""

import atexit
import gzip
import threading
import time

file = open(snakemake.output[0], "w")  # noqa: SIM115
file.write("written")
packed = gzip.open(snakemake.output[1], "wt")
packed.write("packed")
atexit.register(lambda: file.write(" at exit"))
threading.Thread(target=lambda: (time.sleep(0.2), file.write(" by a thread"))).start()
