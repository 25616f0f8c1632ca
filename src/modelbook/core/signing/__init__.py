"""How it is known who said something: what each signature says, whether it is good, and by whom."""
