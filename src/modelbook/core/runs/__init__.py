"""What a training logged, where it stands, and what becomes of it."""
