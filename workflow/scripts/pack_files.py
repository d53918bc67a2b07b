"""Turn a data set of image files into arrays: uint8 images, int64 labels, and a description.

Settings that only decide whether the job runs (where the files are, whether their number must be
the published one, how many a class must have, whether a bad file stops it) are read from the
configuration, which Snakemake does not track: moving 25 GB of images must not repack them.

output: meta: a description (json); train, test: images (npy); train_labels, test_labels (npy)
"""

from pathlib import Path

import numpy as np

from basemodel.data import packing
from basemodel.data.kinds import checked_listing
from basemodel.data.listing import DataError, check_least, say_skipped, skipped_facts
from basemodel.files import shown, write_json, write_npy
from basemodel.run import versions
from basemodel.run.provenance import verify

code, settings = snakemake.params.code, snakemake.params.settings
verify(code)
name, size, config = snakemake.wildcards.dataset, settings["size"], snakemake.config
root = Path(config["data_root"]).expanduser()
drop = config["datasets"][name].get("on_error", "stop") == "drop"
least = {"probe.images_per_class": config["probe"]["images_per_class"]}
if name == config["source"]:
    least["subsets.image"] = max([1, *config["subsets"].get("image", [])])
outputs = {split: Path(snakemake.output[split]) for split in ("train", "test")}
folder = Path(snakemake.output.meta).parent
errors = folder / "errors.json"
KEPT = f"The list is in {errors} too. What is decoded already is kept for the next run."

try:
    listing = checked_listing(root, settings["dataset"], config["data_counts"] == "paper")
    check_least(listing, least)
    packing.check_room(folder, len(listing.train) + len(listing.test), size)
except DataError as error:
    raise SystemExit(shown(f"{name}: {error}")) from None
if listing.skipped:
    print(f"{name}: {say_skipped(listing.skipped)}", flush=True)

bad, dropped = {}, []
for split, path in outputs.items():
    files = [file for file, _ in getattr(listing, split)]
    bad[split] = packing.fill(path, root, files, size, code, snakemake.threads, drop)
    for row, reason in bad[split].items():
        dropped.append({"file": shown(files[row]), "split": split, "error": reason})
if dropped and not drop:
    write_json(errors, dropped)
    lines = [f"  {shown(str(root))}/{file['file']}: {file['error']}\n" for file in dropped]
    raise SystemExit(
        f"{name}: {len(dropped)} files cannot be decoded; repair or remove them, or set "
        f"datasets.{name}.on_error: drop\n{''.join(lines)}{KEPT}"
    )
for file in dropped:
    print(f"dropped {file['file']}: {file['error']}")
left = listing.without(bad)
try:
    check_least(left, least)
except DataError as error:
    write_json(errors, dropped)
    why = f"after {len(dropped)} files that cannot be decoded were dropped"
    raise SystemExit(shown(f"{name}: {why}, {error}; or repair the files. {KEPT}")) from None

sha256 = {}
for split, path in outputs.items():
    sha256[split] = packing.publish(path, bad[split])
    labels = [label for _, label in getattr(left, split)]
    write_npy(snakemake.output[f"{split}_labels"], np.array(labels, dtype=np.int64))
    text = f", {len(bad[split])} dropped" if bad[split] else ""
    print(f"{name} {split}: {len(labels)} images, {size} x {size}{text}")
write_json(
    snakemake.output.meta,
    {
        "dataset": name,
        "kind": settings["dataset"]["kind"],
        "classes": [shown(label) for label in listing.classes],
        "images": {split: len(getattr(left, split)) for split in outputs},
        "sha256": sha256,
        "dropped": dropped,
        "skipped": skipped_facts(listing.skipped),
        "versions": versions.of(versions.FILES),
    },
)
errors.unlink(missing_ok=True)
for path in outputs.values():
    packing.clear(path)
