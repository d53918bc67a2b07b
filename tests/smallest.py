"""The smallest experiments, run through the real workflow to the last figure."""

import copy
import subprocess
import sys
from pathlib import Path

import yaml

from projects import ROOT


def laid(over, under):
    for key, value in over.items():
        under[key] = laid(value, under.get(key, {})) if isinstance(value, dict) else value
    return under


def smallest(over, **replaced):
    """The default experiment, made as small as can be; `replaced` takes the place of whole parts.

    An overlay cannot remove an architecture, so this must be config.yaml itself.
    """
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    glyphs = {"kind": "glyphs", "title": "Letters", "train": 6, "test": 2}
    config |= {
        "datasets": {
            "glyphs": {**glyphs, "characters": ["ABCD", "✁✂✆✈"]},
            "greek": {**glyphs, "title": "Greek", "characters": ["αβγ"], "train": 3},
        },
        "targets": ["greek"],
        "image": {"size": 16, "crop": 16},
        "architectures": {"alexnet": {"width": 0.05, "stem": "small"}},
        "subsets": {"class": [2]},
        "truncation": {"architectures": []},
        "other_metrics": ["LogME", "NCTI"],
    }
    config |= replaced
    common = {
        "pretrain": {"epochs": 1, "batch": 4, "warmup_epochs": 0},
        "finetune": {"epochs": 1, "batch": 4},
        "probe": {"images_per_class": 2},
        "normal": {"classes": 2},
        "correlation": {"alpha_step": 0.5},
        "figures": {"dpi": 30},
    }
    return laid(over, laid(common, copy.deepcopy(config)))


def run(project, config, *arguments, home=None):
    text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
    (project.folder / "config.yaml").write_text(text, encoding="utf-8")
    environment = project.environment() | ({"HOME": str(home)} if home else {})
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1500,  # a machine may be busy with other work
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert "Traceback" not in printed
    return printed


def figures(results: Path) -> list[str]:
    """The figures that are there, each in three kinds that are not empty."""
    files = list((results / "figures").iterdir())
    assert all(path.stat().st_size > 1000 for path in files)
    assert len(files) == 3 * len({path.stem for path in files})
    return sorted({path.stem for path in files})
