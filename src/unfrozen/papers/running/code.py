"""What computes a result: the code that a module imports, and a hash of what that code does.

A result that is kept holds as long as the code that made it does the same.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def imported(file: Path, root: Path, without: Sequence[Path] = ()) -> list[Path]:
    """A module's file, and all of one package that it imports, directly or not.

    What is imported for type checkers only is left out, and so is the package's own first file,
    which names everything.

    Args:
        file: of the module, below the root.
        root: the package's folder.
        without: files and folders that are left out, and what only they import.

    Returns:
        Files, sorted.
    """
    found: set[Path] = set()
    waiting, without = [file], [root / "__init__.py", *without]
    while waiting:
        path = waiting.pop()
        if path in found or any(path.is_relative_to(out) for out in without):
            continue
        found.add(path)
        tree = ast.parse(path.read_bytes())
        for name in _names(tree, root.name):
            waiting += _files(name, root)
    return sorted(found)


def code_hash(paths: Iterable[Path], root: Path | None = None) -> str:
    """SHA-256 of what Python code does: comments, docstrings and layout do not count.

    Args:
        paths: files, and folders whose Python files are taken.
        root: what files are named from; the folder that each is in by default.
    """
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            tree = ast.parse(file.read_bytes())
            for node in ast.walk(tree):
                body = getattr(node, "body", None)
                if not isinstance(body, list):
                    continue
                kept = [statement for statement in body if not _is_text(statement)]
                node.body = kept  # pyright: ignore[reportAttributeAccessIssue]
            base = path.parent if root is None or not file.is_relative_to(root) else root
            name = file.relative_to(base).as_posix()
            digest.update(f"{name}\0{ast.dump(tree)}\0".encode())
    return digest.hexdigest()


def _names(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names of the package that code imports while it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for other in node.orelse:
                yield from _names(ast.Module([other], []), package)
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            # What is imported may be a module of its own.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            yield from _names(node, package)
            continue
        yield from (name for name in names if name.split(".")[0] == package)


def _files(name: str, root: Path) -> list[Path]:
    """Files that run when a module is imported: its own, and those of the packages it is in."""
    at, files = root, []
    for part in name.split(".")[1:]:
        files.append(at / "__init__.py")
        at = at / part
    files += [at / "__init__.py", at.with_suffix(".py")]
    return [file for file in files if file.is_file()]


def _is_text(statement: object) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
