"""Messages of Protocol Buffers, read field by field."""

from __future__ import annotations

import struct

# Kinds of fields on the wire.
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
# Digits of a varint, at most.
_MOST_DIGITS = 10


class WireError(ValueError):
    """Bytes that are no message, or not the one that is expected."""


class Message:
    """The fields of a message by their numbers; one that is missing is 0 or empty."""

    def __init__(self, content: bytes) -> None:
        self._fields: dict[int, list[tuple[int, int | bytes]]] = {}
        at = 0
        while at < len(content):
            tag, at = _varint(content, at)
            number, kind = tag >> 3, tag & 7
            value: int | bytes
            if kind == _VARINT:
                value, at = _varint(content, at)
            elif kind in (_EIGHT, _FOUR, _BYTES):
                length, at = _varint(content, at) if kind == _BYTES else (8 if kind == _EIGHT else 4, at)
                value = content[at : at + length]
                at += length
                if len(value) != length:
                    raise WireError("a field is cut off")
            else:
                raise WireError(f"a field of the unknown kind {kind}")
            if number == 0:
                raise WireError("a field without a number")
            self._fields.setdefault(number, []).append((kind, value))

    def raw(self, number: int) -> bytes:
        """The last one counts."""
        found = [value for _, value in self._fields.get(number, [])]
        if not found:
            return b""
        if not isinstance(found[-1], bytes):
            raise WireError(f"field {number} is a number")
        return found[-1]

    def text(self, number: int) -> str:
        """A text."""
        return _text(self.raw(number))

    def texts(self, number: int) -> list[str]:
        """Texts."""
        return [_text(value) for value in self._all_bytes(number)]

    def message(self, number: int) -> Message | None:
        """A message within."""
        found = self.messages(number)
        return found[-1] if found else None

    def messages(self, number: int) -> list[Message]:
        """Messages within."""
        return [Message(value) for value in self._all_bytes(number)]

    def number(self, number: int) -> int:
        """A whole number."""
        found = self.numbers(number)
        return found[-1] if found else 0

    def numbers(self, number: int) -> list[int]:
        """Whole numbers with a sign, packed or not."""
        listed: list[int] = []
        for _, value in self._fields.get(number, []):
            if isinstance(value, bytes):
                at = 0
                while at < len(value):
                    one, at = _varint(value, at)
                    listed.append(one)
            else:
                listed.append(value)
        return [one - (1 << 64) if one >> 63 else one for one in listed]

    def single(self, number: int) -> float:
        """A 32-bit number."""
        found = self.singles(number)
        return found[-1] if found else 0.0

    def singles(self, number: int) -> list[float]:
        """32-bit numbers, packed or not."""
        return self._reals(number, "<f", 4)

    def doubles(self, number: int) -> list[float]:
        """64-bit numbers, packed or not."""
        return self._reals(number, "<d", 8)

    def _reals(self, number: int, form: str, width: int) -> list[float]:
        whole = b"".join(self._all_bytes(number))
        if len(whole) % width:
            raise WireError(f"field {number} is cut off")
        return [value for (value,) in struct.iter_unpack(form, whole)]

    def _all_bytes(self, number: int) -> list[bytes]:
        found = [value for _, value in self._fields.get(number, [])]
        listed = [value for value in found if isinstance(value, bytes)]
        if len(listed) != len(found):
            raise WireError(f"field {number} is a number")
        return listed


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for digit in range(_MOST_DIGITS):
        if at + digit >= len(content):
            raise WireError("a number is cut off")
        byte = content[at + digit]
        value |= (byte & 0x7F) << (7 * digit)
        if byte < 0x80:
            return value & ((1 << 64) - 1), at + digit + 1
    raise WireError("a number of more than 64 bits")


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise WireError("a text that is none") from None
