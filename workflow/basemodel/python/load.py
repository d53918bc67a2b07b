"""A ranked model for users of Python: basemodel.load, whose docstring says what it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor, nn

from basemodel.data.decode import meant, picture
from basemodel.models.failures import Unusable
from basemodel.models.load import load as load_model
from basemodel.models.preprocessing import Preprocessing
from basemodel.selection.names import parse


@dataclass(frozen=True)
class Transform:
    """A path or a PIL image -> what the network takes, float32 [3, H, W]."""

    preprocessing: Preprocessing

    def __call__(self, image: "str | Path | Image.Image") -> Tensor:
        """Raises decode.Undecodable, a ValueError, if a file is no image."""
        return self.preprocessing(
            meant(image) if isinstance(image, Image.Image) else picture(image)
        )


def load(
    candidate: str | Mapping[str, str], num_classes: int, results: str | Path
) -> tuple[nn.Module, Transform]:
    found = parse(candidate if isinstance(candidate, str) else dict(candidate))
    if found.source == "embeddings":
        raise Unusable("embeddings are no model", "name the model that made them")
    model = load_model(**found.arguments, models=Path(results, "models"))
    return model.network(num_classes), Transform(model.preprocessing)
