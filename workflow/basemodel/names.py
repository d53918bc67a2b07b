"""Names as figures and text show them."""

ARCHITECTURES = {"alexnet": "AlexNet", "vgg16": "VGG16", "resnet18": "ResNet18"}


def architecture_title(name: str) -> str:
    return ARCHITECTURES.get(name, name)


def shown(text: str) -> str:
    r"""Text with names of files in it, as it can be printed and written whatever bytes they have.

    Python keeps the bytes of a name that are not UTF-8 as lone surrogates, which no stream and no
    file takes; here they read `\xe9`. Other text is returned as it is.
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
