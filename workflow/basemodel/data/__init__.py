"""Image data sets in one packed format, whatever they are made from."""
