"""What runs inside, and around, a user's training process."""
