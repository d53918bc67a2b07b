"""Passing images through a model: devices, batches, one pass, and arrays of what it gives."""
