"""What is told: one report, and the bodies of pull requests and releases."""
