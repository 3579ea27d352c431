"""What runs programs or code, reads foreign objects, or is weak: where the application uses it, and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "app"
MODULES = frozenset(
    {"code", "commands", "dill", "marshal", "pickle", "random", "shelve", "subprocess", "yaml"}
)
BUILTINS = frozenset({"__import__", "compile", "eval", "exec"})
METHODS = frozenset(
    {"MD5", "SHA1", "create_subprocess_exec", "create_subprocess_shell", "md5", "popen", "sha1", "system"}
)
FAMILIES = ("exec", "fork", "posix_spawn", "spawn", "startfile")
"""How the names in `os` begin that run a program."""
USED = {
    ("connectors/http/signature.py", "md5"): "a department whose own signature demands it",
    ("services/clearance/proofs.py", "random"): "how long a second look waits",
    (
        "services/verification/reader_pool.py",
        "create_subprocess_exec",
    ): "the reader of uploads, by fixed words",
    ("settings/sections.py", "subprocess"): "git tells the commit, by fixed words",
    ("web/page_context.py", "random"): "the request's number, which is no secret",
}


def list_risky(source: str) -> Iterator[str]:
    """The risky things that a module names, a `shell` among them."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.split(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in MODULES:
                yield module
            case ast.Call(func=ast.Name(id=called)) if called in BUILTINS | METHODS:
                yield called
            case ast.Call(func=ast.Attribute(attr=called)) if called in METHODS:
                yield called
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name.startswith(FAMILIES):
                yield f"os.{name}"
            case ast.keyword(arg="shell"):
                yield "shell"


def test_the_application_uses_what_is_risky_where_it_is_known_and_nowhere_else() -> None:
    found = {
        (path.relative_to(APP).as_posix(), name)
        for path in APP.rglob("*.py")
        for name in list_risky(path.read_text(encoding="utf-8"))
    }
    assert found == USED.keys()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import random", "random"),
        ("from random import choice", "random"),
        ("import pickle", "pickle"),
        ("from yaml import load", "yaml"),
        ("eval('1')", "eval"),
        ("__import__('os')", "__import__"),
        ("import os\nos.system('ls')", "system"),
        ("import os\nos.execvp('ls', [])", "os.execvp"),
        ("run('ls', shell=True)", "shell"),
        ("hashlib.md5(b'')", "md5"),
        ("hashes.SHA1()", "SHA1"),
        ("asyncio.create_subprocess_shell('ls')", "create_subprocess_shell"),
    ],
)
def test_each_of_them_would_be_seen(source: str, name: str) -> None:
    assert list(list_risky(source)) == [name]
