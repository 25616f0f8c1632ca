"""How a version comes into a stage, how long it stays, and what follows from it."""
