"""One file a thing outside: git, S3, a directory, GitHub, each signer."""
