"""python -m basemodel rank photos: basemodel.rank as a command, where there is no Snakemake."""

import argparse
import inspect
import sys

import basemodel

LEAST = 2  # candidates, or nothing is ranked
# Options, of what a user may want to change; the others are Python's.
OPTIONS = (
    "images_per_class", "task", "by", "weights", "near_copies", "licence", "most_parameters",
    "metadata", "seed", "results", "jobs", "threads", "timeout", "device",
)  # fmt: skip
KINDS = {"most_parameters": float, "timeout": float, "jobs": int}  # where the default says nothing


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m basemodel", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="rank")
    rank = commands.add_parser("rank", help="which pre-trained model to start from")
    rank.add_argument("images", help="a folder of class folders, or a table of labels")
    rank.add_argument("candidates", nargs="*", help="timm:NAME, ...; none: those of the shelf")
    usual = inspect.signature(basemodel.rank).parameters
    for name in OPTIONS:
        default = usual[name].default
        kind = KINDS.get(name, str if default is None else type(default))
        shown = "" if default is None else f"{default}"
        rank.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=default, metavar="X", help=shown
        )
    rank.epilog = "help(basemodel.rank) describes the options."
    given = vars(parser.parse_args())
    try:
        answer = basemodel.rank(given.pop("images"), given.pop("candidates") or None, **given)
    except (ValueError, RuntimeError) as error:
        sys.exit(f"error: {error}")
    print(answer.text + answer.next_steps + f"The page: {answer.page}")
    if len(answer.ranking["candidates"]) < LEAST:
        sys.exit("Fewer than two candidates could be used: name some more.")


if __name__ == "__main__":
    main()
