"""How far a ranking is: a bar on a terminal and in a notebook, lines elsewhere."""

import sys
import warnings
from typing import Any

from basemodel.files import shown


class Progress:
    """Told of candidates that are done; `done`: how many of all were there before."""

    def __init__(self, total: int, done: int, wanted: bool):
        self._total, self._done, self._bar = total, done, None
        self._wanted = wanted and done < total
        notebook = "ipykernel" in sys.modules
        if self._wanted and (notebook or sys.stderr.isatty()):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # without ipywidgets it is a bar of letters
                from tqdm.auto import tqdm
            self._bar = tqdm(total=total, initial=done, unit="candidate", desc="candidates")

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, name: str, card: dict[str, Any]) -> None:
        self._done += 1
        if not self._wanted:
            return
        failed = card["failed"] and shown(f"{name}: not ranked: {card['failed']}; {card['remedy']}")
        if self._bar is None:
            speed = card.get("images_per_second")
            said = failed or shown(name) + (f", {speed:.1f} images/s" if speed else "")
            print(f"{self._done} of {self._total}: {said}", file=sys.stderr, flush=True)
            return
        if failed and not card["untrained"]:
            self._bar.write(failed, file=sys.stderr)
        self._bar.update()
