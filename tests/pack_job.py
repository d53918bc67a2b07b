"""Run workflow/scripts/pack_files.py as Snakemake would, but without it.

python tests/pack_job.py RESULTS ROOT DATASET_AS_JSON SIZE
"""

import json
import sys
from pathlib import Path

import jobs


def pack(
    results, root, dataset, size, counts="any", threads=2, code=None, wanted=1, parts=1, source=True
):
    """Pack a data set, named `images`, into `results`; returns that folder."""
    results = Path(results)
    outputs = {"meta": results / "meta.json"}
    for split in ("train", "test"):
        (results / split).mkdir(parents=True, exist_ok=True)
        outputs[split] = results / split / "images.npy"
    config = {
        "data_root": str(root),
        "data_counts": counts,
        "datasets": {"images": {"title": "Images", **dataset}},
        "source": "images" if source else "others",
        "targets": ["images"],
        "probe": {"images_per_class": wanted},
        "subsets": {"image": [parts]},
    }
    pixels = {key: value for key, value in dataset.items() if key != "on_error"}
    jobs.run(
        "pack_files.py",
        wildcards={"dataset": "images"},
        output=outputs,
        params={"dataset": pixels, "size": size, **({"code": code} if code else {})},
        threads=threads,
        config=config,
    )
    return results


if __name__ == "__main__":
    results, root, dataset, size = sys.argv[1:]
    pack(results, root, json.loads(dataset), int(size))
