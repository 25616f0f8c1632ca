"""What users did, and which offline metric stands for it."""
