"""What the experiment will cost: jobs, hours and disk space by stage.

The settings of the whole experiment are those of the run.
settings: table: the file that the plan is written to (not an output: it is made whenever asked for)
"""

from pathlib import Path

from basemodel import plan
from basemodel.files import read_json
from basemodel.rates import pack_rate, rates, start_seconds
from basemodel.tables import write_csv

config = snakemake.config
file = Path(config["plan"]["rates"]).expanduser()
measured = read_json(file) if file.exists() else {}
known = {name: rates(config, name, measured) for name in config["architectures"]}
known[""] = pack_rate(config, measured)
devices = config["plan"]["devices"]
try:
    stages = plan.stages(config)
except LookupError as error:  # a data set of unknown size
    raise SystemExit(f"plan: {error.args[0]}") from None
table = plan.table(stages, known, devices, start_seconds(config, measured))
write_csv(snakemake.params.settings["table"], table)
print(plan.page(table, devices))
