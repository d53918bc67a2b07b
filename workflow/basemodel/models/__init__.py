"""Models: one class for networks wherever they are from, and a file for each source.

Sources: trained (by this project), from_timm, from_torchvision, from_file (weights for a library's
network). `load` chooses among them. `catalog` and `failures` do not import torch.
"""
