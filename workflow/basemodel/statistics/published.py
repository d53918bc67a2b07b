"""Published numbers, to hold one's own beside.

Source: Ueno and Kondo, "A Base Model Selection Methodology for Efficient Fine-Tuning", ICLR 2020
submission: the results on pairs of metrics, and the bars of Figure 2.
"""

# C_5,6(0.574) = 0.426·S5 + 0.574·S6: the best of 15 pairs × 1,001 values of α
FIRST, SECOND = "S5", "S6"
ALPHA = 0.574
MEAN_RHO = 0.7514
VARIANCE_RHO = 0.005993  # the paper does not say whether of the population or a sample
MAX_RHO, MAX_CELL = 0.8874, ("alexnet", "Caltech-101")
MIN_RHO, MIN_CELL = 0.5854, ("resnet18", "Oxford-IIIT Pets")

# Signs of Spearman's ρ in Figure 2, where S2, S4, S5 and S6 are negated already
SIGNS = {
    "alexnet": {"S1": "-", "S2": "+", "S3": "-", "S4": "+", "S5": "mixed", "S6": "+"},
    "vgg16": {"S1": "-", "S2": "+", "S3": "-", "S4": "+", "S5": "mixed", "S6": "+"},
    "resnet18": {"S1": "+", "S2": "-", "S3": "+", "S4": "-", "S5": "+", "S6": "+"},
}
