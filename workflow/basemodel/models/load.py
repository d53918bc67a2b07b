"""Load a model, from whichever source it is."""

from pathlib import Path

from basemodel.models.model import Model


def load(
    library: str, name: str, file: str = "", untrained: bool = False, models: str | Path = ""
) -> Model:
    """The model, ready for images.

    `library`: timm, torchvision or base (this project's, in the folder `models`). `name`: what the
    library calls it, with the tag of its weights if it has one. `file`: weights of the user's for
    it; `untrained`: as its library initialises it. Never uses the network, never runs a pickle.
    Raises Unusable.
    """
    if library == "timm":
        from basemodel.models import from_timm

        return from_timm.load(name, file, untrained)
    if library == "torchvision":
        from basemodel.models import from_torchvision

        return from_torchvision.load(name, file, untrained)
    from basemodel.models import from_base

    return from_base.load(name, models, untrained)
