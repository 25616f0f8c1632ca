"""What is measured of a version, on which machine, and beside which other version."""
