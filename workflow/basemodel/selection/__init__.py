"""Ranking pre-trained models for a folder of the user's own images.

`names` and `shelf` are read when the Snakefile is parsed: they import neither torch nor timm.
"""
