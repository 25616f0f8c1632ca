"""What of the store is kept, for how long, and why."""
