"""A ranking of many candidates, by the real comparison of invented predictions.

python tests/rank_large.py 500 ranking.json
"""

import sys
from typing import Any

import numpy as np

from basemodel.files import write_json
from basemodel.rank.ranking import ranking
from rank_fixture import CLASSES, USE

NAMES = [
    "LinearProbe", "kNN", "LogME", "GBC", "PARC", "HScore", "LEEP", "NCE", "SFDA",
    "NLEEP", "TransRate", "feature_norm", "S1", "S2", "S3", "S4",
]  # fmt: skip
FAMILIES = ["resnet", "convnext", "vit_small_patch16", "efficientnet", "mobilenetv4", "swin_tiny"]
LABELS = np.repeat(np.arange(len(CLASSES)), list(CLASSES.values()))


def many(count: int) -> dict[str, Any]:
    """So many candidates of a third as many architectures; one in twenty fails."""
    rng = np.random.default_rng(0)
    difficulty = rng.normal(scale=1.5, size=len(LABELS))  # of an image, for all
    difficulty[::50] = 9
    cards, scored = [], []
    named = [
        (f"timm:{FAMILIES[i % len(FAMILIES)]}_{224 + i // 3}", f"weights{i % 3}_in22k_ft_in1k")
        for i in range(count)
    ]
    untrained = dict.fromkeys(architecture for architecture, _ in named)
    for name in [*(f"{one}.{tag}" for one, tag in named), *(f"untrained {a}" for a in untrained)]:
        baseline = name.startswith("untrained")
        architecture = name.removeprefix("untrained ").partition(".")[0]
        skill = -1.5 if baseline else rng.normal(1.5, 0.5)
        predicted = {
            score: np.where(
                skill + rng.normal(scale=0.6, size=len(LABELS)) > difficulty,
                LABELS,
                (LABELS + rng.choice([1, 1, 1, 2, 5], len(LABELS))) % len(CLASSES),
            )
            for score in ("LinearProbe", "kNN")
        }
        size = 10 ** rng.uniform(6, 8.5)
        failed = not baseline and rng.random() < 0.05
        cards.append(
            {
                "slug": name.replace(":", "-").replace(" ", "-"),
                "candidate": name,
                "architecture": architecture,
                "untrained": baseline,
                "remedy": None,
                "failed": "its weights do not fit its network: conv1.weight is (64, 3, 7, 7)"
                if failed
                else None,
                "input": [3, 224, 224],
                "parameters": int(size),
                "multiply_adds": size * 40,
                "licence": "apache-2.0",
                "source_classes": 1000,
                "imagenet_top1": None,
                "sha256": "5c106cde" * 8,
                "notes": ["a feature map is after the last ReLU"],
                "python": repr(name),
                "images_per_second": 1e10 / size,
                "device": "cpu",
                "seconds": {"loading": 0.1, "network": 2.0, "all": 2.5},
                "threads": 2,
            }  # fmt: skip
        )
        terms = {
            score: {"terms": {"value": float(np.mean(predicted[score] == LABELS))}, "halves": []}
            if score in predicted
            else {"terms": {"value": float(rng.normal(skill, 0.3))}, "halves": []}
            for score in NAMES
        }
        guessed = {score: values.tolist() for score, values in predicted.items()}
        scored.append({"scores": terms, "predictions": guessed, "seconds": 0.5})
    probe = [{"file": f"{i}.png", "label": int(label)} for i, label in enumerate(LABELS)]
    images = {
        "images": "/home/ada/stamps", "folder": "/home/ada/stamps", "use": USE, "probe": probe,
        "task": "classes",
        "classes": list(CLASSES), "test": probe[:52], "problems": [], "counts": [1] * len(CLASSES),
    }  # fmt: skip
    given = [name for name, _ in named]
    facts = {
        "name": "stamps", "settings": {"candidates": given, "images": "stamps"},
        "versions": {"torch": "2.15.0"}, "candidates_folder": "results/rank/stamps/candidates",
        "command": "snakemake rank --cores all --configfile many.yaml",
        "verify_command": "snakemake rank_verify --cores all --configfile many.yaml",
    }  # fmt: skip
    return ranking(images, cards, scored, NAMES, "LinearProbe", "balanced", {}, facts, 0)


if __name__ == "__main__":
    write_json(sys.argv[2], many(int(sys.argv[1])))
