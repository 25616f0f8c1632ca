"""What a condition says of a version: CEL, its functions, and whether a difference is more than noise."""
