"""How GitHub's objects look in JSON: one builder an object, with every field that the description requires.

A builder takes the World (for addresses), a record and what else it shows, and returns new JSON. Shapes only.
"""
