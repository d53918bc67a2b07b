"""Tests of the logger plugin: what a user sees of a run."""
