"""The project's own Python files, parsed once, with what the house rules ask of them."""

import ast
import functools
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("schemas", "sync", "scanning", "printing", "pages", "server", "field_client", "verifier")
FOLDERS = (*PACKAGES, "tests", "benchmarks", "scripts")
# Written by Alembic, never renamed or shortened afterwards.
GENERATED = "server/migrations/versions/"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the project's root, and its text."""

    path: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.path)

    @functools.cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree."""
        return list(ast.walk(self.tree))

    @property
    def module(self) -> str:
        """Dotted name, as imported."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self) -> str:
        """The top-level folder."""
        return self.path.split("/")[0]

    @property
    def definitions(self) -> Iterator[Definition]:
        """Every function and class, at any depth."""
        return (node for node in self.nodes if isinstance(node, Definition))

    @property
    def functions(self) -> Iterator[Function]:
        """Every function and method, at any depth."""
        return (node for node in self.nodes if isinstance(node, Function))

    @property
    def comments(self) -> Iterator[tuple[int, str]]:
        """Line number and text of every comment."""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string

    @property
    def calls(self) -> Iterator[tuple[int, str]]:
        """Line number and dotted name of everything called, such as `datetime.now`."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield node.lineno, ast.unparse(node.func)

    @functools.cached_property
    def imports(self) -> list[tuple[int, str]]:
        """Line number and dotted name of everything imported; `from a import b` is `a.b`."""
        return [found for node in self.nodes for found in imported_names(node)]

    def is_within(self, *folders: str) -> bool:
        """Return whether the file is one of these, or below one of these."""
        return any(self.path == folder or self.path.startswith(f"{folder}/") for folder in folders)


def imported_names(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line number and dotted name of what a node imports."""
    if isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        origin = "." * node.level + (node.module or "")
        yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


@functools.cache
def read_sources() -> tuple[Source, ...]:
    """Read every Python file of the project that people write."""
    files = (file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    found = ((file.relative_to(ROOT).as_posix(), file) for file in files)
    return tuple(
        Source(path, file.read_text(encoding="utf-8"))
        for path, file in sorted(found)
        if not path.startswith(GENERATED) and "node_modules" not in path
    )
