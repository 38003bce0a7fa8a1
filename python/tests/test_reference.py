"""The reference is what the sources say, and they say everything."""

import importlib.util
import os
import pathlib
import re
from typing import Any

import pytest

import wr2l

PLACE = pathlib.Path(__file__).parents[1] / "reference.py"
SPEC = importlib.util.spec_from_file_location("reference", PLACE)
assert SPEC is not None and SPEC.loader is not None
reference: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)

ITEMS = [
    pytest.param(one, id=item.name if one is item else f"{item.name}.{one.name.split('.')[-1]}")
    for chapter in reference.chapters()
    for item, members in chapter.items
    for one in (item, *members)
]
ARRAYS = re.compile(r"\b(Array|NDArray|ArrayLike|Phi|Column|_F32)\b")
SHAPE = re.compile(r"`(\w+ )?\[[\w+, ]+\]`")


def test_the_page_is_what_the_sources_say() -> None:
    written = reference.page()
    if os.environ.get("WR2L_REWRITE_DOCS"):
        reference.PAGE.write_text(written, "utf-8")
    assert reference.PAGE.read_text("utf-8") == written, "`python3 python/reference.py` rewrites it"


def test_every_public_name_is_on_the_page() -> None:
    listed = {item.name for chapter in reference.chapters() for item, _ in chapter.items}
    # Modules have chapters of their own.
    names = set(wr2l.__all__) - {"onnx"}
    assert {f"wr2l.{name}" for name in names} == {name for name in listed if name.count(".") == 1}
    assert reference.exported() == set(wr2l.__all__)
    for name in names:
        assert getattr(wr2l, name) is not None
    assert {"wr2l.sb3.VecEnv", "wr2l.sb3.export", "wr2l.onnx.load", "wr2l.plots.plot"} <= listed


@pytest.mark.parametrize("item", ITEMS)
def test_a_public_name_says_what_it_is_with_shapes_and_errors(item: Any) -> None:
    assert len(item.text.split()) >= 2 and re.search(r"[.:)]$", item.text), "it has a sentence"
    if any(ARRAYS.search(kind) for kind in item.kinds):
        assert SHAPE.search(item.text), f"arrays have shapes: {item.kinds}"
    if item.takes and item.kind in ("function", "method", "class"):
        assert "Raises " in item.text, "what takes arguments says what it raises"
