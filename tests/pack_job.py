"""Run workflow/scripts/pack_files.py as Snakemake would, but without it.

python tests/pack_job.py RESULTS ROOT DATASET_AS_JSON SIZE
"""

import json
import sys
from pathlib import Path

import jobs
import miniatures

FOLDER = {"kind": "folder", "path": "mine"}


def class_folders(root):
    """Three classes of 40 + 2 images in class folders, two splits; returns the data root."""
    for label in range(3):
        for number in range(42):
            split = "train" if number < 40 else "test"
            file = root / "mine" / split / f"class{label}" / f"{number:03d}.jpg"
            miniatures.image(file, label, number)
    return root


def outputs(results):
    """The bytes of every file, by its path below the results."""
    files = [path for path in results.rglob("*") if path.is_file()]
    return {str(path.relative_to(results)): path.read_bytes() for path in files}


def spoil(images):
    bad = [images / "mine/train/class0/005.jpg", images / "mine/train/class2/039.jpg"]
    bad.append(images / "mine/test/class1/040.jpg")
    bad[0].write_text("no image")
    bad[1].write_bytes(bad[1].read_bytes()[:400])
    bad[2].write_bytes(b"")
    return bad


def pack(
    results, root, dataset, size, counts="any", threads=2, code=None, wanted=1, parts=1, source=True
):
    """Pack a data set, named `images`, into `results`; returns that folder."""
    results = Path(results)
    outputs = {"meta": results / "meta.json"}
    for split in ("train", "test"):
        (results / split).mkdir(parents=True, exist_ok=True)
        outputs[split] = results / split / "images.npy"
        outputs[f"{split}_labels"] = results / split / "labels.npy"
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
