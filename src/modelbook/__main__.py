"""`python -m modelbook` is the `modelbook` command."""

from modelbook.cli import main

main()
