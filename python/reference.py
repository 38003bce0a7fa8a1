"""Writes `docs/python-api.md`, the reference of the package, from its signatures and documentation.

`python3 python/reference.py` rewrites the page; a test of the package holds it to the sources. They are parsed, not
imported, so nothing has to be built.
"""

from __future__ import annotations

import ast
import inspect
import pathlib
import re
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "wr2l"
PAGE = ROOT / "docs" / "python-api.md"

HEAD = """# Python reference

Written by `python/reference.py` from the package's signatures and documentation; [Python](python.md) shows how they are
used. Arrays are numpy's; `[lanes, obs_dim]` is a shape. All that is raised of the package's own is a `wr2l.Error`.
"""

# Chapters: title, name of the module as users write it, file, and the names in it; of the package itself those of
# `__all__` that the file defines.
CHAPTERS = [
    ("Environments", "wr2l", "envs"),
    ("Tasks and their parameters", "wr2l", "parameters"),
    ("Judging", "wr2l", "judging"),
    ("Figures and pages", "wr2l", "figures"),
    ("Training", "wr2l", "training"),
    ("Policies", "wr2l", "policies"),
    ("Networks from elsewhere", "wr2l", "networks"),
    ("Environments of your own", "wr2l", "own"),
    ("Studies", "wr2l", "sweeps"),
    ("ONNX files", "wr2l.onnx", "onnx"),
    ("Stable-Baselines3", "wr2l.sb3", "sb3"),
    ("Plots", "wr2l.plots", "plots"),
    ("Exceptions", "wr2l", "_errors"),
]
# What functions return: nobody makes them for himself.
MADE = {"Certificate", "Collected", "Columns", "Policy", "Run", "Simulator", "Sweep", "Table"}


class Item(NamedTuple):
    """A public name: a function, a method, a property, an attribute or a class."""

    kind: str
    name: str
    signature: str
    text: str
    # Annotations of what goes in and comes out.
    kinds: list[str]
    takes: int


class Chapter(NamedTuple):
    """What a file defines: functions, and classes with their members."""

    title: str
    items: list[tuple[Item, list[Item]]]


def exported() -> set[str]:
    """The names of `wr2l.__all__`."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "__all__":
            names |= set(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    return names


def chapters() -> list[Chapter]:
    """All that is public, in the order of the page."""
    package = exported()
    found = []
    for title, module, file in CHAPTERS:
        source = (PACKAGE / f"{file}.py").read_text("utf-8")
        items = []
        for node in ast.parse(source).body:
            name = getattr(node, "name", "_")
            public = name in package if module == "wr2l" else not name.startswith("_")
            if isinstance(node, ast.FunctionDef) and public:
                items.append((_function(node, f"{module}.{name}", "function"), []))
            elif isinstance(node, ast.ClassDef) and public:
                items.append((_class(node, f"{module}.{name}"), list(_members(node, source.splitlines()))))
        found.append(Chapter(title, items))
    return found


def _function(node: ast.FunctionDef, name: str, kind: str) -> Item:
    arguments = node.args
    if kind != "function" and not any(_called(one, "staticmethod") for one in node.decorator_list):
        arguments = ast.arguments(**{**vars(arguments), "args": arguments.args[1:]})
    taken = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    taken += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    kinds = [ast.unparse(one.annotation) for one in taken if one.annotation is not None]
    answer = "" if node.returns is None else ast.unparse(node.returns)
    signature = f"{name}({_arguments(arguments)})" + (f" -> {answer}" if answer not in ("", "None") else "")
    return Item(kind, name, signature, ast.get_docstring(node) or "", [*kinds, answer], len(taken))


def _arguments(arguments: ast.arguments) -> str:
    """The arguments, one a line where they are many."""
    text = ast.unparse(arguments)
    if len(text) < 70:
        return text
    parts, depth, begun = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(text[begun:at].strip())
            begun = at + 1
    parts.append(text[begun:].strip())
    return "\n" + "".join(f"    {part},\n" for part in parts)


def _called(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _class(node: ast.ClassDef, name: str) -> Item:
    text = ast.get_docstring(node) or ""
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__" and node.name not in MADE:
            item = _function(one, name, "class")
            return Item("class", name, item.signature, text, item.kinds, item.takes)
    bases = [ast.unparse(base) for base in node.bases if "." not in ast.unparse(base) and "_Base" not in ast.unparse(base)]
    return Item("class", name, f"class {name}" + (f"({', '.join(bases)})" if bases else ""), text, [], 0)


def _members(node: ast.ClassDef, lines: list[str]) -> list[Item]:
    members: list[Item] = []
    for at, one in enumerate(node.body):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            after = node.body[at + 1] if at + 1 < len(node.body) else None
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                kind = ast.unparse(one.annotation)
                members.append(Item("attribute", one.target.id, kind, inspect.cleandoc(str(after.value.value)), [kind], 0))
        if not isinstance(one, ast.FunctionDef):
            continue
        if one.name == "__init__":
            members += _attributes(one, lines)
        if one.name.startswith("_"):
            continue
        name = f"{node.name}.{one.name}"
        if any(_called(decorator, "property") for decorator in one.decorator_list):
            item = _function(one, one.name, "property")
            members.append(Item("property", one.name, item.kinds[-1], item.text, item.kinds, 0))
        else:
            members.append(_function(one, name, "method"))
    return members


def _attributes(init: ast.FunctionDef, lines: list[str]) -> list[Item]:
    """What `#:` documents above its assignment."""
    found = []
    for one in ast.walk(init):
        targets = one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AnnAssign) else []
        names = [target.attr for target in targets if isinstance(target, ast.Attribute)]
        above = lines[one.lineno - 2].strip() if names else ""
        if above.startswith("#:"):
            found.append((one.lineno, Item("attribute", names[0], "", above[2:].strip(), [], 0)))
    return [item for _, item in sorted(found)]


def page() -> str:
    """The page."""
    text = HEAD
    for chapter in chapters():
        text += f"\n## {chapter.title}\n"
        for item, members in chapter.items:
            kind = "class " if item.kind == "class" else ""
            text += f"\n### {kind}`{item.name}`\n\n```python\n{item.signature}\n```\n\n{_prose(item.text)}\n"
            values = [one for one in members if one.kind in ("attribute", "property")]
            if values:
                text += "\n"
            for one in values:
                kind = f" (`{one.signature}`)" if one.signature else ""
                text += f"- `{one.name}`{kind}: {_prose(one.text, one_line=True)}\n"
            for one in members:
                if one.kind == "method":
                    text += f"\n#### `{one.name}`\n\n```python\n{one.signature}\n```\n\n{_prose(one.text)}\n"
    return text


def _prose(text: str, *, one_line: bool = False) -> str:
    text = re.sub(r"`docs/([a-z-]+)\.md`", r"[\1](\1.md)", inspect.cleandoc(text))
    return " ".join(text.split()) if one_line else text


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
