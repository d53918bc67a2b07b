"""Which pre-trained model to fine-tune: the code that the workflow's scripts share.

Importing the package imports neither torch nor torchvision; the modules that train networks do so
themselves.
"""
