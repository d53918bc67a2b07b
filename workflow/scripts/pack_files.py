"""Turn a data set of image files into arrays: uint8 images, int64 labels, and a description.

Settings that only decide whether the job runs (where the files are, whether their number must be
the published one, how many a class must have, whether a bad file stops it) are read from the
configuration, which Snakemake does not track: moving 25 GB of images must not repack them.
"""

from pathlib import Path

import numpy as np

from basemodel.data import filling, finishing
from basemodel.data.kinds import checked_listing
from basemodel.data.listing import DataError, check_classes, check_least, say_skipped, skipped_facts
from basemodel.files import shown, write_json, write_npy
from basemodel.run import versions
from basemodel.run.provenance import verify

verify(snakemake.params.code)
settings = snakemake.params.settings

name = snakemake.wildcards.dataset
size = settings["size"]
config = snakemake.config
root = Path(config["data_root"]).expanduser()
drop = config["datasets"][name].get("on_error", "stop") == "drop"
outputs = {split: Path(snakemake.output[split]) for split in ("train", "test")}
folder = Path(snakemake.output.meta).parent
errors = folder / "errors.json"
KEPT = f"The list is in {errors} too. What is decoded already is kept for the next run."


def check(listing):
    """Raise DataError if a class is too small for later stages; before and after decoding."""
    check_classes(listing)
    check_least(listing, config["probe"]["images_per_class"], "probe.images_per_class")
    if name == config["source"]:
        check_least(listing, max([1, *config["subsets"].get("image", [])]), "subsets.image")


try:
    listing = checked_listing(root, settings["dataset"], config["data_counts"] == "paper")
    check(listing)
    filling.check_room(folder, len(listing.train) + len(listing.test), size)
except DataError as error:
    raise SystemExit(shown(f"{name}: {error}")) from None
if listing.skipped:
    print(f"{name}: {say_skipped(listing.skipped)}", flush=True)

bad, dropped = {}, []
for split, path in outputs.items():
    files = [file for file, _ in getattr(listing, split)]
    try:
        bad[split] = filling.fill(
            path, root, files, size, snakemake.params.code, snakemake.threads, drop
        )
    except filling.UndecodableFiles as error:
        write_json(errors, [{"file": file, "error": reason} for file, reason in error.files])
        lines = [f"  {root / file}: {reason}\n" for file, reason in error.files]
        raise SystemExit(
            f"{name}: {error}; repair or remove them, or set datasets.{name}.on_error: drop\n"
            f"{''.join(lines)}{KEPT}"
        ) from None
    for row, reason in bad[split].items():
        dropped.append({"file": shown(files[row]), "split": split, "error": reason})
        print(f"dropped {dropped[-1]['file']}: {reason}")

left = listing.without(bad)
try:
    check(left)
except DataError as error:
    write_json(errors, dropped)
    why = f"after {len(dropped)} files that cannot be decoded were dropped"
    raise SystemExit(shown(f"{name}: {why}, {error}; or repair the files. {KEPT}")) from None

sha256 = {split: finishing.complete(path, bad[split]) for split, path in outputs.items()}
for split, path in outputs.items():
    finishing.publish(path, bad[split])
    labels = [label for _, label in getattr(left, split)]
    write_npy(path.with_name("labels.npy"), np.array(labels, dtype=np.int64))
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
for path in outputs.values():
    finishing.clear(path)
errors.unlink(missing_ok=True)
