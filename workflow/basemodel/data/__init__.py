"""Image data sets from various sources, in one packed format."""
