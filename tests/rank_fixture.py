"""Made rankings, as `snakemake rank` writes them, for tests of the page and the terminal's text."""

import base64
import io
from copy import deepcopy
from typing import Any

from PIL import Image

CLASSES = {
    "birds": 35,
    "mammals": 65,
    "fruit": 26,
    "flowers": 24,
    "vegetables": 18,
    "vehicles": 17,
    "tools": 12,
    "music": 11,
}
SCORES = [
    ("LinearProbe", "linear probe", "accuracy of a linear classifier, 5-fold", "%", "trusted", ""),
    ("kNN", "kNN", "accuracy of 5 nearest neighbours, leave-one-out", "%", "trusted", ""),
    ("LogME", "LogME", "evidence of a linear model of the classes", "", "trusted", ""),
    ("S1", "S1", "separation of the classes in the featuremaps", "", "within", "needs one width"),
    (
        "S3",
        "S3",
        "entropy of the mean featuremap",
        "",
        "untrusted",
        "puts untrained vit_tiny above trained tf_efficientnet_lite0",
    ),
    ("S5", "S5", "share of values that are not zero", "", "n/a", "only one model has exact zeros"),
]
# Name, linear probe, how far behind the best with its interval, whether it may be the best,
# parameters, multiply-adds, images per second
MODELS = [
    ("timm:tf_efficientnet_lite1.in1k", 0.904, None, True, 5416680, 6.08e8, 61.0),
    ("timm:tf_efficientnet_lite2.in1k", 0.875, (0.029, 0.0, 0.062), True, 6092072, 8.7e8, 43.1),
    ("timm:tf_efficientnet_lite0.in1k", 0.837, (0.067, 0.024, 0.11), False, 4652008, 3.85e8, 88.4),
    ("timm:resnet18.a1_in1k", 0.822, (0.082, 0.031, 0.13), False, 11689512, 1.814e9, 51.2),
    ("torchvision:densenet121", 0.811, (0.093, 0.04, 0.146), False, 7978856, 2.83e9, 14.3),
    ("base:resnet18/class10-03", 0.51, (0.394, 0.33, 0.458), False, 11181642, 1.4e8, 410.0),
]


USE = {
    "given": 283, "limit": 65, "probe": 208, "held_out": 52, "over_limit": 22, "undecodable": 1,
    "copies": 0, "two_labels": 0, "left_out": 0,
}  # fmt: skip


def thumbnail(colour: str = "teal") -> str:
    file = io.BytesIO()
    Image.new("RGB", (96, 80), colour).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def candidate(
    name: str,
    probe: float,
    difference: tuple[float, float, float] | None,
    possible_best: bool | None,
    parameters: int | None = 5_000_000,
    multiply_adds: float | None = 1e9,
    speed: float | None = 50.0,
    rank: int = 1,
    baseline: bool = False,
) -> dict[str, Any]:
    scores = {
        "LinearProbe": {"value": probe, "low": probe - 0.04, "high": probe + 0.035},
        "kNN": {"value": probe - 0.03},
        "LogME": {"value": probe - 0.8},
        "S1": {"value": 0.1 + probe / 3},
        "S3": {"value": 3.6 if baseline else 2.9 + probe / 10},
        "S5": {"value": None, "note": "not applicable: no exact zeros"},
    }
    return {
        "name": name,
        "slug": name.replace(":", "-").replace("/", "-"),
        "rank": None if baseline else rank,
        "possible_best": possible_best,
        "architecture": name.rpartition(":")[2].partition(".")[0],
        "baseline": baseline,
        "scores": scores,
        "behind": difference and dict(zip(("value", "low", "high"), difference, strict=True)),
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "images_per_second": speed,
        "side": 224,
        "licence": "apache-2.0",
        "imagenet": 0.697,
        "source_classes": 1000,
        "sha256": "5c106cde" * 8,
        "notes": [],
        "python": repr(name),
    }


def ranking() -> dict[str, Any]:
    """Six candidates, two of which do not differ significantly, on 208 images in 8 classes."""
    candidates = [candidate(*model, rank=i) for i, model in enumerate(MODELS, start=1)]
    candidates[4]["notes"] = ["featuremaps after the functional ReLU"]
    candidates[5]["licence"] = candidates[5]["imagenet"] = None
    names = [name for name, *_ in SCORES[:5]] + ["parameters"]
    classes = list(CLASSES)
    counts = [[0] * len(classes) for _ in classes]
    for i, n in enumerate(CLASSES.values()):
        counts[i][i] = n - 1 - i % 3
        counts[i][(i + 1) % len(classes)] = 1 + i % 3
    return {
        "name": "stamps",
        "folder": "/home/ada/stamps",
        "labelled": True,
        "task": "classes",
        "images": {
            "probe": 208,
            "classes": [{"name": name, "images": n} for name, n in CLASSES.items()],
            "test": 52,
            "use": USE,
            "problems": ["birds/owl.png: cannot be decoded: truncated file"],
        },
        "by": "LinearProbe",
        "scores": [
            {
                "name": name,
                "label": label,
                "words": words,
                "unit": unit,
                "larger_is_better": True,
                "trust": trust,
                "why": why,
            }
            for name, label, words, unit, trust, why in SCORES
        ],
        "candidates": candidates,
        "evidence": {"verdict": "some", "corrected": 0.896, "guessing": 0.312, "shown": 0.086},
        "baselines": [
            candidate("untrained tf_efficientnet_lite0", 0.428, None, None, baseline=True),
            candidate("untrained vit_tiny", 0.391, None, None, speed=70.2, baseline=True),
        ],
        "failures": [
            {
                "name": "timm:resnet1",
                "reason": "no such model",
                "remedy": "did you mean timm:resnet18?",
            },
            {
                "name": "timm:vit_huge_patch14_224",
                "reason": "out of memory",
                "remedy": "needs about 9 GB: leave it out, or use a larger machine",
            },
        ],
        "static_order": {"by": "parameters", "slugs": [candidates[i]["slug"] for i in (3, 1, 0)]},
        "agreement": {
            "scores": names,
            "rho": [
                [1.0 if a == b else (0.9 - 0.33 * abs(i - j)) for j, b in enumerate(names)]
                for i, a in enumerate(names)
            ],
        },
        "tags": [],
        "hard_images": [
            {
                "file": "birds/bat.png",
                "label": "birds",
                "predicted": [["mammals", 5], ["tools", 1]],
                "candidates": 6,
                "thumbnail": thumbnail(),
            },
            {
                "file": "fruit/tomato.png",
                "label": "fruit",
                "predicted": [["vegetables", 6]],
                "candidates": 6,
                "thumbnail": thumbnail("firebrick"),
            },
        ],
        "confusion": {"candidate": MODELS[0][0], "classes": classes, "counts": counts},
        "verify": None,
        "timing": {"seconds": 312.0, "in_networks": 0.91, "device": "cpu", "threads": 2},
        "settings": {"images_per_class": 65, "by": "linear_probe", "candidates": ["timm:*"]},
        "versions": {"torch": "2.15.0", "timm": "1.0.31", "python": "3.11.2"},
        "command": "snakemake rank --cores all --config images=stamps",
        "verify_command": "snakemake rank_verify --cores all --config images=stamps",
        "candidates_folder": "results/rank/stamps/candidates",
    }


def clear_leader() -> dict[str, Any]:
    made = ranking()
    for each in made["candidates"][1:]:
        each["possible_best"] = False
    made["evidence"] |= {"verdict": "one", "corrected": 0.904}
    made["candidates"][1]["behind"] = {"value": 0.029, "low": 0.004, "high": 0.054}
    return made


def alone() -> dict[str, Any]:
    """One candidate succeeded, two failed."""
    made = ranking()
    made["candidates"] = made["candidates"][:1]
    return made


def nothing() -> dict[str, Any]:
    """All candidates failed."""
    made = ranking()
    made |= {"candidates": [], "baselines": [], "hard_images": [], "confusion": None}
    made |= {"static_order": {"by": "parameters", "slugs": []}, "evidence": None}
    return made | {"agreement": {"scores": [], "rho": []}}


def unlabelled() -> dict[str, Any]:
    made = ranking()
    needless = [score for score in made["scores"] if score["name"] in ("S3", "S5")]
    for each in [*made["candidates"], *made["baselines"]]:
        each["scores"] = {name: each["scores"][name] for name in ("S3", "S5")}
        each["possible_best"] = each["behind"] = None
    made["images"] |= {"classes": [], "test": 0}
    del made["hard_images"], made["confusion"]
    return made | {
        "labelled": False,
        "task": None,
        "evidence": None,
        "by": "S3",
        "scores": [{**score, "trust": "trusted", "why": ""} for score in needless],
        "agreement": {"scores": ["S3", "parameters"], "rho": [[1, 0.2], [0.2, 1]]},
    }


def verified() -> dict[str, Any]:
    made = ranking()
    reasons = ["1st by linear probe", "2nd by linear probe", "static order"]
    rows = [
        {"name": each["name"], "slug": each["slug"], "why": why, "mean": 0.81 + i / 100}
        | {"accuracies": [0.8 + i / 100, 0.81 + i / 100, 0.82 + i / 100]}
        | {"optimizer": "sgd", "rate": 0.01, "validation": 0.8 + i / 100, "failed": None}
        | {"possible_best": i > 0}
        for i, (each, why) in enumerate(zip(made["candidates"], reasons, strict=False))
    ]
    sentence = "timm:tf_efficientnet_lite0.in1k is best; following the score costs 2.0 points."
    return made | {"verify": {"rows": rows, "regret": 0.02, "sentence": sentence} | {
        "difference": 0.02, "low": -0.01, "high": 0.05, "measure": "accuracy",
        "best": rows[2]["slug"], "kept": "results/rank/stamps/verified/best.safetensors",
        "fine_tunings": 11, "seconds": 700.0}}  # fmt: skip


def large() -> dict[str, Any]:
    """Forty candidates with long names, 100 classes, many failures and problems."""
    made = ranking()
    made["candidates"] = [
        candidate(
            f"timm:convnext_xxlarge_long_architecture_{i:02d}.clip_laion2b_soup_ft_in12k_in1k_384",
            0.95 - 0.01 * i,
            (0.01 * i, max(0, 0.01 * i - 0.045), 0.01 * i + 0.04) if i else None,
            i < 5,
            (i * 37 % 41 + 3) * 10**6,
            1e8 * (1 + (i * 17) % 43),
            400 / (1 + (i * 17) % 43),
            rank=i + 1,
        )
        for i in range(40)
    ]
    classes = [f"class with a rather long name, number {i}" for i in range(100)]
    counts = [[3 if i == j else int((i * j) % 97 == 5) for j in range(100)] for i in range(100)]
    made["images"]["classes"] = [{"name": name, "images": 3} for name in classes]
    made["images"]["problems"] *= 12
    made["confusion"] = {
        "candidate": made["candidates"][0]["name"],
        "classes": classes,
        "counts": counts,
    }
    made["failures"] = [{**made["failures"][1], "name": f"timm:missing{i}"} for i in range(9)]
    made["static_order"]["slugs"] = [each["slug"] for each in reversed(made["candidates"])]
    return made


def hostile() -> dict[str, Any]:
    """Names of files, classes and models that are HTML, and a picture from elsewhere."""
    made = deepcopy(ranking())
    bad = "<script>document.title='taken'</script>\"'&\x1b[31m"
    made |= {"name": bad, "folder": f"/home/{bad}", "candidates_folder": bad}
    made |= {key: f"snakemake rank images={bad}" for key in ("command", "verify_command")}
    made["images"]["classes"][0]["name"] = bad
    made["images"]["problems"] = [f"{bad}.png: cannot be decoded"]
    for each in (*made["candidates"][:2], made["baselines"][0], made["failures"][0]):
        each["name"] = bad
    made["candidates"][0] |= {"architecture": bad, "licence": bad, "notes": [bad], "python": bad}
    made["failures"][0] |= {"reason": bad, "remedy": bad}
    made["hard_images"][0] |= {"file": f"{bad}.png", "label": bad, "predicted": [[bad, 6]]}
    made["hard_images"][1]["thumbnail"] = "https://example.org/spy.png"
    made["confusion"] |= {"candidate": bad, "classes": [bad, *list(CLASSES)[1:]]}
    made["scores"][0] |= {"label": bad, "words": bad, "why": bad}
    made["settings"] = {bad: bad, "nested": [bad]}
    made["versions"] = {bad: bad}
    return made


ALL = {
    made.__name__: made
    for made in (
        ranking,
        clear_leader,
        alone,
        nothing,
        unlabelled,
        verified,
        large,
        hostile,
    )
}
