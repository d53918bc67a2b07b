"""Keep one's own log in the log file, as many scripts do."""

import logging
import sys
from pathlib import Path

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO, format="%(message)s")
logging.info("by logging")
print("by print")
logging.info("by logging again")
sys.stdout = sys.stderr = Path(snakemake.log[0]).open("a")  # noqa: SIM115
print("by a replaced stream")
Path(snakemake.output[0]).write_text("x")
