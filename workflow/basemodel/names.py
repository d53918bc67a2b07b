"""Names as figures and text show them."""

ARCHITECTURES = {"alexnet": "AlexNet", "vgg16": "VGG16", "resnet18": "ResNet18"}


def architecture_title(name: str) -> str:
    return ARCHITECTURES.get(name, name)
