"""Leave files open, and things to do at exit, as Python allows a script to."""

import atexit
import gzip
import threading
import time
from pathlib import Path

file = Path(snakemake.output[0]).open("w")  # noqa: SIM115
file.write("written")
packed = gzip.open(snakemake.output[1], "wt")  # noqa: SIM115
packed.write("packed")
atexit.register(lambda: file.write(" at exit"))
threading.Thread(target=lambda: (time.sleep(0.2), file.write(" by a thread"))).start()
