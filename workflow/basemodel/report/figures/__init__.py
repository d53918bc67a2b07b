"""The figures. Each module draws one from tables and arrays and returns a matplotlib Figure."""
