"""Files of PyTorch (`policy.pth`, `model.zip` of Stable-Baselines3) read without unpickling.

Such a file holds a pickle: a program. Here its few harmless instructions are interpreted, those that make dictionaries,
lists, texts, numbers and tensors; anything else is refused, and nothing that the file names is ever imported or called.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._errors import FileError

# Largest file that is read.
_MOST_BYTES = 256 << 20
# Most instructions, which is a hundred times what the largest policy needs.
_MOST_STEPS = 1_000_000

_KINDS: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "BoolStorage": np.dtype("?"),
}


class _Name(NamedTuple):
    """What a pickle would import."""

    module: str
    name: str


class _Storage(NamedTuple):
    kind: np.dtype[Any]
    key: str
    length: int


class _Mark:
    """Where a sequence on the stack begins."""


_TENSOR = _Name("torch._utils", "_rebuild_tensor_v2")
_PARAMETER = _Name("torch._utils", "_rebuild_parameter")
_ORDERED = _Name("collections", "OrderedDict")
_KNOWN = {_TENSOR, _PARAMETER, _ORDERED, *(_Name("torch", kind) for kind in _KINDS)}


def read(path: str) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a state dictionary, by name: of a file of `torch.save`, or of the `policy.pth` in a `model.zip`."""
    try:
        with zipfile.ZipFile(path) as archive:
            if "policy.pth" in archive.namelist():
                with zipfile.ZipFile(io.BytesIO(_content(archive, "policy.pth", path))) as inner:
                    return _tensors(inner, path)
            return _tensors(archive, path)
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error
    except Exception as error:
        # Of zipfile and pickletools, whose exceptions for damaged files are of many kinds.
        raise FileError(f"{path}: damaged, or not a file of torch.save ({error})") from error


def _content(archive: zipfile.ZipFile, name: str, path: str) -> bytes:
    entry = archive.getinfo(name)
    # PyTorch never compresses; what is compressed may be endless.
    if entry.compress_type != zipfile.ZIP_STORED and name != "policy.pth":
        raise FileError(f"{path}: `{name}` is compressed, which PyTorch does not do")
    if entry.file_size > _MOST_BYTES:
        raise FileError(f"{path}: `{name}` is larger than any policy")
    with archive.open(entry) as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) != entry.file_size:
        raise FileError(f"{path}: `{name}` is not as long as it says")
    return content


def _tensors(archive: zipfile.ZipFile, path: str) -> dict[str, npt.NDArray[Any]]:
    pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
    if len(pickles) != 1:
        raise FileError(f"{path}: expected one `data.pkl` within, found {len(pickles)}: not a file of torch.save")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and _content(archive, f"{folder}byteorder", path) != b"little":
        raise FileError(f"{path}: written on a big-endian machine, which is not read here")
    machine = _Machine(path, lambda key: _content(archive, f"{folder}data/{key}", path))
    top = machine.run(_content(archive, pickles[0], path))
    if isinstance(top, dict) and isinstance(top.get("model_state_dict"), dict):
        top = top["model_state_dict"]
    if not isinstance(top, dict):
        raise FileError(f"{path}: expected the dictionary that `state_dict()` gives, got {type(top).__name__}")
    found = {name: value for name, value in top.items() if isinstance(value, np.ndarray)}
    if not found or not all(isinstance(name, str) for name in found):
        raise FileError(f"{path}: there are no tensors in it")
    return found


class _Machine:
    """Interprets the instructions of a pickle that make plain data."""

    def __init__(self, path: str, storage: Any) -> None:
        self._path, self._storage = path, storage
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        for step, (code, argument, _) in enumerate(pickletools.genops(program)):
            if step > _MOST_STEPS:
                raise self._wrong("more instructions than any policy has")
            if code.name == "STOP":
                return self._pop()
            self._do(code.name, argument)
        raise self._wrong("it ends too soon")

    def _wrong(self, what: str) -> FileError:
        return FileError(f"{self._path}: {what}")

    def _pop(self) -> Any:
        if not self._stack:
            raise self._wrong("damaged: an instruction finds nothing to work on")
        return self._stack.pop()

    def _since_mark(self) -> list[Any]:
        for at in range(len(self._stack) - 1, -1, -1):
            if isinstance(self._stack[at], _Mark):
                items = self._stack[at + 1 :]
                del self._stack[at:]
                return items
        raise self._wrong("damaged: the beginning of a sequence is missing")

    def _do(self, name: str, argument: Any) -> None:
        push = self._stack.append
        match name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                push(_Mark())
            case "NONE":
                push(None)
            case "NEWTRUE" | "NEWFALSE":
                push(name == "NEWTRUE")
            case "EMPTY_DICT":
                push({})
            case "EMPTY_LIST":
                push([])
            case "EMPTY_TUPLE":
                push(())
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE" | "SHORT_BINUNICODE":
                push(argument)
            case "TUPLE":
                push(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                items = [self._pop() for _ in range(int(name[-1]))]
                push(tuple(reversed(items)))
            case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                top = self._pop()
                push(top)
                self._memo[len(self._memo) if argument is None else argument] = top
            case "BINGET" | "LONG_BINGET":
                if argument not in self._memo:
                    raise self._wrong("damaged: it refers to what is not there")
                push(self._memo[argument])
            case "GLOBAL":
                module, _, attribute = argument.partition(" ")
                push(self._known(module, attribute))
            case "STACK_GLOBAL":
                attribute, module = self._pop(), self._pop()
                push(self._known(module, attribute))
            case "BINPERSID":
                push(self._persistent(self._pop()))
            case "REDUCE":
                arguments, function = self._pop(), self._pop()
                push(self._made(function, arguments))
            case "BUILD":
                # Of a state dictionary its versions of modules, which nobody needs.
                self._pop()
            case "SETITEM":
                value, key = self._pop(), self._pop()
                self._set([key, value])
            case "SETITEMS":
                self._set(self._since_mark())
            case "APPEND":
                self._append([self._pop()])
            case "APPENDS":
                self._append(self._since_mark())
            case _:
                raise self._wrong(f"its pickle has the instruction {name}, which weights do not need: refused unread")

    def _known(self, module: Any, attribute: Any) -> _Name:
        name = _Name(str(module), str(attribute))
        if name not in _KNOWN:
            called = f"{name.module}.{name.name}"
            raise self._wrong(f"its pickle would call `{called}`, which weights do not need: refused unread")
        return name

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1] if self._stack else None
        if not isinstance(target, dict) or len(items) % 2:
            raise self._wrong("damaged: entries of what is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, (str, int)):
                raise self._wrong("a key that is neither text nor number")
            target[key] = value

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1] if self._stack else None
        if not isinstance(target, list):
            raise self._wrong("damaged: items of what is no list")
        target.extend(items)

    def _persistent(self, found: Any) -> _Storage:
        match found:
            case ("storage", _Name("torch", kind), str(key), str(), int(length)) if kind in _KINDS and 0 <= length:
                if not key.isdigit():
                    raise self._wrong("a tensor's numbers have no proper name")
                return _Storage(_KINDS[kind], key, length)
        raise self._wrong("a tensor whose numbers are not described as PyTorch does it")

    def _made(self, function: Any, arguments: Any) -> Any:
        match function, arguments:
            case _Name("collections", "OrderedDict"), ():
                return {}
            case _Name("torch._utils", "_rebuild_parameter"), (np.ndarray() as data, *_):
                return data
            case _Name("torch._utils", "_rebuild_tensor_v2"), (
                _Storage() as storage,
                int(offset),
                tuple(shape),
                tuple(strides),
                *_,
            ):
                return self._tensor(storage, offset, shape, strides)
        raise self._wrong("a tensor that is not made as PyTorch makes it")

    def _tensor(
        self, storage: _Storage, offset: int, shape: tuple[Any, ...], strides: tuple[Any, ...]
    ) -> npt.NDArray[Any]:
        whole = [*shape, *strides, offset]
        if len(shape) != len(strides) or len(shape) > 8 or not all(type(n) is int and 0 <= n < 2**40 for n in whole):
            raise self._wrong("a tensor of impossible shape")
        size = 1
        for n in shape:
            size *= n
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True)) if size else 0
        # No more numbers than there are, so that strides of 0 make no giants.
        if size > storage.length or (size and last >= storage.length):
            raise self._wrong("a tensor reaches beyond its numbers")
        raw = self._storage(storage.key)
        if len(raw) < storage.length * storage.kind.itemsize:
            raise self._wrong("a tensor's numbers are cut off")
        flat = np.frombuffer(raw, storage.kind, storage.length)
        index = np.full(shape, offset, dtype=np.int64)
        for axis, stride in enumerate(strides):
            steps = np.arange(shape[axis], dtype=np.int64) * stride
            index += steps.reshape([-1 if k == axis else 1 for k in range(len(shape))])
        return flat[index]
