"""The core decides; it does not look. import-linter forbids whole modules there, and this finds the rest:
names whose module also holds harmless ones, and builtins, which need no import at all."""

import ast
from collections.abc import Iterator

# Of these modules only the named parts compute without looking at the machine.
ALLOWED_OF = {
    "pathlib": {"PurePath", "PurePosixPath", "PureWindowsPath"},
    "urllib": {"parse"},
    "urllib.parse": None,
}
BUILTINS = {"breakpoint", "compile", "eval", "exec", "input", "open", "print", "__import__"}
# `datetime.now()`, `date.today()`, `Path.home()`: methods that read the clock or the machine.
METHODS = {"now", "utcnow", "today", "cwd", "home"}


def impurities(source: str) -> Iterator[tuple[int, str]]:
    """Line and reason for everything in a module's source that touches the world."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=str(module)) if (allowed := ALLOWED_OF.get(module)) is not None:
                for alias in node.names:
                    if alias.name not in allowed:
                        yield node.lineno, f"imports {module}.{alias.name}"
            case ast.ImportFrom(module=str(module)) if module.startswith("urllib.") and module not in ALLOWED_OF:
                yield node.lineno, f"imports {module}"
            case ast.Import():
                for alias in node.names:
                    if alias.name.partition(".")[0] in ALLOWED_OF and alias.name not in {"urllib.parse"}:
                        yield node.lineno, f"imports all of {alias.name}"
            case ast.Name(id=name) if name in BUILTINS:
                yield node.lineno, f"calls {name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in METHODS:
                yield node.lineno, f"calls .{name}()"
