"""The one way rows become values and changes become SQL, for the table modules beside it.

Column names come from the code of this room only, never from data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, Protocol, TypeVar

from .store import Vault


class _Row(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


_R = TypeVar("_R", bound=_Row)


def select(vault: Vault, kind: type[_R], table: str, where: str = "", *args: object) -> list[_R]:
    """All rows of a table as values of ``kind``, a frozen dataclass without slots whose fields are the columns."""
    columns, names = _columns(kind)
    values = []
    for row in vault.all(f"SELECT {columns} FROM {table} {where}", *args):
        # A frozen dataclass sets its fields one by one past its own guard: for a letter that takes twice as long.
        value = object.__new__(kind)
        value.__dict__.update(zip(names, row, strict=True))
        values.append(value)
    return values


@cache
def _columns(kind: type[_Row]) -> tuple[str, tuple[str, ...]]:
    names = tuple(field.name for field in fields(kind))
    return ", ".join(names), names


def select_one(vault: Vault, kind: type[_R], table: str, where: str, *args: object) -> _R | None:
    """The first such row, or None."""
    rows = select(vault, kind, table, where + " LIMIT 1", *args)
    return rows[0] if rows else None


def insert(vault: Vault, table: str, *, or_ignore: bool = False, **values: Any) -> None:
    """Add a row."""
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
    vault.run(f"{verb} INTO {table} ({columns}) VALUES ({marks})", *values.values())


def insert_each(vault: Vault, table: str, rows: Sequence[_Row], *, or_ignore: bool = False) -> None:
    """Add these rows, values of one kind as :func:`select` gives them."""
    if rows:
        columns, names = _columns(type(rows[0]))
        verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
        marks = ", ".join("?" * len(names))
        vault.run_each(f"{verb} INTO {table} ({columns}) VALUES ({marks})", map(attrgetter(*names), rows))


def update(vault: Vault, table: str, where: str, keys: tuple[object, ...], **values: object) -> None:
    """Change columns of the rows that ``where`` names."""
    changes = ", ".join(f"{column} = ?" for column in values)
    vault.run(f"UPDATE {table} SET {changes} WHERE {where}", *values.values(), *keys)
