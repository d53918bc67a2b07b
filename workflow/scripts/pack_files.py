"""Turn a data set of image files into arrays: uint8 images, int64 labels, and what they are.

What only lets the job start or stops it (where the files are, whether their number must be the
published one, how many a class must have) is read from the configuration, which Snakemake does not
track: no other folder makes a data set of 25 GB be packed again.
"""

import shutil
from pathlib import Path

import numpy as np

from basemodel import versions
from basemodel.data import filling
from basemodel.data.kinds import checked_listing
from basemodel.data.listing import DataError, check_least
from basemodel.files import write_json, write_npy
from basemodel.fingerprint import verify

verify(snakemake.params.code)

name = snakemake.wildcards.dataset
settings = snakemake.params.dataset
size = snakemake.params.size
config = snakemake.config
root = Path(config["data_root"]).expanduser()
drop = settings.get("on_error", "stop") == "drop"
outputs = {split: Path(snakemake.output[split]) for split in ("train", "test")}
folder = Path(snakemake.output.meta).parent
errors = folder / "errors.json"


def listed():
    """The files, checked for everything that can be known before the first is decoded."""
    found = checked_listing(root, settings, config["data_counts"] == "paper")
    check_least(found, config["probe"]["images_per_class"], "probe.images_per_class")
    if name == config["source"]:
        check_least(found, max([1, *config["subsets"].get("image", [])]), "subsets.image")
    return found


def check_disk(rows):
    bytes_needed = rows * size * size * 3
    there = sum(f.stat().st_blocks * 512 for f in folder.rglob(".images.npy.part"))
    free = shutil.disk_usage(folder).free + there
    if free < bytes_needed:
        raise DataError(
            f"{folder}: {bytes_needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free; "
            "make room, or put `results` on another disk"
        )


try:
    listing = listed()
    check_disk(len(listing.train) + len(listing.test))
except DataError as error:
    raise SystemExit(f"{name}: {error}") from None

bad = {}
for split, path in outputs.items():
    files = [file for file, _ in getattr(listing, split)]
    try:
        bad[split] = filling.fill(
            path, root, files, size, snakemake.params.code, snakemake.threads, drop
        )
    except filling.UndecodableFiles as error:
        write_json(errors, [{"file": file, "error": reason} for file, reason in error.files])
        lines = [f"  {root / file}: {reason}" for file, reason in error.files]
        raise SystemExit(
            f"{name}: {error}; repair or remove them, or set datasets.{name}.on_error: drop\n"
            + "\n".join(lines)
            + f"\nThe list is in {errors} too. What is decoded already is kept for the next run."
        ) from None

dropped = []
for split, path in outputs.items():
    files = getattr(listing, split)
    filling.finish(path, bad[split])
    labels = [label for row, (_, label) in enumerate(files) if row not in bad[split]]
    write_npy(path.with_name("labels.npy"), np.array(labels, dtype=np.int64))
    dropped += [
        {"file": files[row][0], "split": split, "error": reason}
        for row, reason in bad[split].items()
    ]
    text = f", {len(bad[split])} dropped" if bad[split] else ""
    print(f"{name} {split}: {len(labels)} images, {size} x {size}{text}")
for item in dropped:
    print(f"dropped {item['file']}: {item['error']}")

write_json(
    snakemake.output.meta,
    {
        "dataset": name,
        "title": settings["title"],
        "kind": settings["kind"],
        "classes": listing.classes,
        "images": {
            split: len(getattr(listing, split)) - len(bad[split]) for split in ("train", "test")
        },
        "sha256": {split: filling.checksum(path) for split, path in outputs.items()},
        "dropped": dropped,
        "versions": versions.of(versions.FILES),
    },
)
errors.unlink(missing_ok=True)
