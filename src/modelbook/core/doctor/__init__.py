"""What `doctor` says of a repository, its settings and its workflows."""
