"""What kind of network a model is: those of one kind are ranked within it as well."""

from basemodel.selection.names import Candidate


def architecture(candidate: Candidate) -> str:
    """The family of its architecture, without sizes and weights: timm's and torchvision's modules
    say it (efficientnet has EfficientNet-Lite0 to 4 and MobileNetV2); of this project's networks,
    the architecture. A name that the library does not know is its own family.
    """
    name = candidate.architecture.partition(":")[2]
    if candidate.source == "file":
        name = candidate.model.partition(".")[0]
    name = name.partition("@")[0]
    try:
        if candidate.library == "timm":
            from timm.models import model_entrypoint  # takes half a second

            return model_entrypoint(name).__module__.split(".")[-1]
        if candidate.library == "torchvision":
            from torchvision.models import get_model_builder

            return get_model_builder(name).__module__.split(".")[-1]
    except (ImportError, RuntimeError, KeyError, ValueError):
        return name
    return name
