"""Published numbers to compare results with, and the settings that a comparison requires.

Source: Ueno and Kondo, "A Base Model Selection Methodology for Efficient Fine-Tuning", ICLR 2020
submission. The numbers are the results on pairs of metrics and the bars of Figure 2.
"""

# C_5,6(0.574) = 0.426·S5 + 0.574·S6: the best of 15 pairs × 1,001 values of α
FIRST, SECOND = "S5", "S6"
ALPHA = 0.574
MEAN_RHO = 0.7514
VARIANCE_RHO = 0.005993  # the paper does not say whether population or sample
MAX_RHO, MAX_CELL = 0.8874, ("alexnet", "Caltech-101")
MIN_RHO, MIN_CELL = 0.5854, ("resnet18", "Oxford-IIIT Pets")

# Signs of Spearman's ρ in Figure 2, where S2, S4, S5 and S6 are already negated
SIGNS = {
    "alexnet": {"S1": "-", "S2": "+", "S3": "-", "S4": "+", "S5": "mixed", "S6": "+"},
    "vgg16": {"S1": "-", "S2": "+", "S3": "-", "S4": "+", "S5": "mixed", "S6": "+"},
    "resnet18": {"S1": "+", "S2": "-", "S3": "+", "S4": "-", "S5": "+", "S6": "+"},
}

# The design: settings other than those of networks and training; lists are sorted. The crop is
# inferred from the paper's featuremap sizes, and the frozen backbone from its accuracies.
DESIGN = {
    "image.size": 256,
    "image.crop": 224,
    "subsets.class": [10, 20],
    "subsets.image": [10, 20],
    "finetune.trainable": "last",
    "probe.images_per_class": 10,
    "metrics": ["S1", "S2", "S3", "S4", "S5", "S6"],
    "correlation.alpha_step": 0.001,
}
NETWORK = {"width": 1, "stem": "imagenet"}
# Table 3, for pre-training and for fine-tuning
RECIPE = {
    "epochs": 30,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "warmup_epochs": 0,
    "step_epochs": 7,
    "gamma": 0.1,
}
# The data sets named in Table 4, out of eight
TARGETS = (
    "stanford_cars", "fgvc_aircraft", "dtd", "oxford_iiit_pets", "caltech101", "flowers102"
)  # fmt: skip
TARGET_COUNT = 8
# What the paper does not specify
OPEN = "two targets, batch, momentum, weight decay, dropout, initialisation, augmentation"
