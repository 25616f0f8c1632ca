"""Write the text that ships with Python as a corpus: python make_dataset.py FOLDER"""

import platform
import sys
import sysconfig
from pathlib import Path
from pydoc_data.topics import topics

# Tests would be the larger half, encodings are tables of numbers, and the topics come as plain text.
LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "encodings", "pydoc_data"}
README = """# The text that ships with Python {version}

- `<name>.txt`: the source of the standard library's module or package of that name, without its tests
- `topics.txt`: the language reference, as `help("topics")` shows it

Python is under the Python Software Foundation License, Version 2.
"""


def main(folder: Path) -> None:
    library = Path(sysconfig.get_path("stdlib"))
    texts: dict[str, list[bytes]] = {"topics": [topics[name].encode() for name in sorted(topics)]}
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).parts
        # What was found out when this Python was built differs from machine to machine.
        if not LEFT_OUT.intersection(parts) and not parts[0].startswith(("_sysconfigdata", "config-")):
            texts.setdefault(parts[0].removesuffix(".py"), []).append(path.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_bytes(b"\n".join(text))
    (folder / "README.md").write_text(README.format(version=platform.python_version()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
