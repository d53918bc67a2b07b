"""Wait, with a subprocess and one that has left this process group; leave a trace of the end."""

import os
import subprocess
import time
from pathlib import Path

Path(snakemake.output[0]).write_text("half")
if "FINISH" not in os.environ:
    try:
        subprocess.Popen(["sleep", "300"])
        subprocess.Popen(["sleep", "300"], start_new_session=True)
        Path("started-first").touch()
        time.sleep(300)
    except KeyboardInterrupt:
        Path("interrupted").touch()
        raise
Path(snakemake.output[0]).write_text("whole")
