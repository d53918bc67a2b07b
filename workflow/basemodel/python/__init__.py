"""What users of Python call: the functions of `basemodel`, whose docstrings are in its __init__."""
