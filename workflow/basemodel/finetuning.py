"""Which part of a base model is fine-tuned, and which stays as it was pre-trained."""

from torch import nn

TRAINABLE = ("last", "head", "all")


def divide(model: nn.Module, trainable: str) -> tuple[nn.Module, nn.Module]:
    """The frozen part and the trained part; the second takes what the first gives.

    `last`: a new last fully connected layer is trained; `head`: the hidden fully connected layers
    too; `all`: everything. The frozen part is in evaluation mode, so that batch normalisation and
    dropout stay out of it.
    """
    if trainable == "last":
        frozen, trained = nn.Sequential(model.trunk, model.head[:-1]), model.last
    elif trainable == "head":
        frozen, trained = model.trunk, model.head
    else:
        frozen, trained = nn.Identity(), model
    return frozen.eval(), trained
