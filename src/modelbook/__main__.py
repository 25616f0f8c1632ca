"""`modelbook`, and `python -m modelbook`: from its first moment on Ctrl-C ends it with one line."""

from modelbook.interrupts import INTERRUPTS


def main() -> None:
    """Run the command line and exit."""
    INTERRUPTS.note()
    from modelbook.cli import main as command  # which takes longer than all before it

    command()


if __name__ == "__main__":
    main()
