"""What may be asked of versions and runs, and how they differ."""
