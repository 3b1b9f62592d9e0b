"""No import circle among the modules of genjax, imports inside of functions counted too."""

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

import genjax

ROOT = Path(genjax.__file__).parent
KNOWN_CIRCLES: set[frozenset[str]] = set()  # only ever to be made smaller


def modules(root: Path) -> dict[str, Path]:
    """{dotted name: file} of a package; the package itself is its __init__.py."""
    found = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(source: str, known: Iterable[str]) -> set[str]:
    """The modules among `known` that a file imports.

    `from genjax.x import y` is an import of genjax/x/y.py if there is such a file, else of genjax/x/__init__.py.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in known else node.module for name in names}
    return found & set(known)


def circles(graph: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """Strongly connected components of two or more modules, and modules that import themselves. (Tarjan 1972)"""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = set()

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            members = frozenset(stack[stack.index(module) :])
            del stack[stack.index(module) :]
            if len(members) > 1 or module in graph[module]:
                found.add(members)

    for module in sorted(graph):
        if module not in number:
            visit(module)
    return found


def test_there_is_no_import_circle():
    files = modules(ROOT)
    graph = {name: imported(path.read_text(), files) for name, path in files.items()}
    found = circles(graph)
    assert not found - KNOWN_CIRCLES, "\n".join(
        f"{name} imports {', '.join(sorted(graph[name] & members))}" for members in found for name in sorted(members)
    )
    assert not KNOWN_CIRCLES - found, "a circle is gone: take it out of KNOWN_CIRCLES"


def test_circles_are_found_in_a_package_that_has_some(tmp_path):
    package = tmp_path / "toy"
    (package / "room").mkdir(parents=True)
    written = {
        "__init__.py": "from toy.room import thing\n",
        "alone.py": "import toy.first\n",
        "first.py": "def late():\n    from toy.room import second\n",
        "room/__init__.py": "from toy.room.second import thing\n",  # a re-export, which is no circle
        "room/second.py": "from toy.third import x\nthing = 1\n",
        "third.py": "import toy.first as first\nx = 2\n",
    }
    for name, text in written.items():
        (package / name).write_text(text)
    files = modules(package)
    assert set(files) == {"toy", "toy.alone", "toy.first", "toy.room", "toy.room.second", "toy.third"}
    graph = {name: imported(path.read_text(), files) for name, path in files.items()}
    assert graph["toy.first"] == {"toy.room.second"}
    assert graph["toy"] == {"toy.room"}
    assert circles(graph) == {frozenset({"toy.first", "toy.room.second", "toy.third"})}
    assert circles({"a": {"a"}, "b": set()}) == {frozenset({"a"})}
