"""What the pages of the site say, and what they were made of."""
