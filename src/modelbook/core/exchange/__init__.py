"""What other tools read of a version, and what comes from them."""
