"""Load a model, from whichever source it is."""

from pathlib import Path

from basemodel.models.model import Model
from basemodel.models.preprocessing import Preprocessing


def check(library: str, name: str, file: str = "", key: str = "", models: str | Path = "") -> None:
    """Raise Unusable if the model cannot be loaded, as far as names, weights' names and files tell.

    The arguments are those of `load`. Takes a fraction of its time, and little memory.
    """
    if library == "timm":
        from basemodel.models import from_timm

        from_timm.check(name, file, key)
    elif library == "torchvision":
        from basemodel.models import from_torchvision

        from_torchvision.check(name, file, key)
    elif library == "base":
        from basemodel.models import from_base

        from_base.weights_of(name, models)


def load(
    library: str,
    name: str,
    file: str = "",
    key: str = "",
    untrained: bool = False,
    models: str | Path = "",
) -> Model:
    """The model, ready for images.

    `library`: timm, torchvision or base (this project's, in the folder `models`). `name`: what the
    library calls it, with the tag of its weights if it has one. `file`: weights of the user's for
    it, under `key` if it has several; `untrained`: as its library initialises it. Never uses the
    network, never runs a pickle. Raises Unusable.
    """
    if library == "timm":
        from basemodel.models import from_timm

        return from_timm.load(name, file, key, untrained)
    if library == "torchvision":
        from basemodel.models import from_torchvision

        return from_torchvision.load(name, file, key, untrained)
    from basemodel.models import from_base

    return from_base.load(name, models, untrained)


def preprocessing(library: str, name: str, models: str | Path = "") -> Preprocessing:
    """How a model takes images, without loading it; the arguments are those of `load`.

    Raises Unusable if there is no such model. With some weights of a user's own, timm's may take
    them otherwise.
    """
    if library == "timm":
        from basemodel.models import from_timm

        return from_timm.preprocessing(name)
    if library == "torchvision":
        from basemodel.models import from_torchvision

        return from_torchvision.preprocessing(name)
    from basemodel.models import from_base

    return from_base.preprocessing(name, models)
