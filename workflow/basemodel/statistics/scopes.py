"""Names of what base models are ranked with: those of one architecture, or all of a target."""

ONE, SEVERAL = "one architecture", "all architectures"
ALL = "all"  # in place of an architecture where there are several
