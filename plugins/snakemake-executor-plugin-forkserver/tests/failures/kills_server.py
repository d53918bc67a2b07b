"""Kill the process that this one was forked from, once."""

import os
import signal
import time
from pathlib import Path

if "REPAIRED" not in os.environ:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
Path(snakemake.output[0]).write_text("whole")
