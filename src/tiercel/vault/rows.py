"""The one way rows become values and changes become SQL, for the table modules beside it.

Column names come from the code of this room only, never from data.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

from .store import Vault


class _Row(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


_R = TypeVar("_R", bound=_Row)


def select(vault: Vault, kind: type[_R], table: str, where: str = "", *args: object) -> list[_R]:
    """All rows of a table as values of ``kind``, whose field names are the columns."""
    return [kind(*row) for row in vault.all(f"SELECT {_columns(kind)} FROM {table} {where}", *args)]


@cache
def _columns(kind: type[_Row]) -> str:
    return ", ".join(field.name for field in fields(kind))


def select_one(vault: Vault, kind: type[_R], table: str, where: str, *args: object) -> _R | None:
    """The first such row, or None."""
    rows = select(vault, kind, table, where + " LIMIT 1", *args)
    return rows[0] if rows else None


def insert(vault: Vault, table: str, *, or_ignore: bool = False, **values: Any) -> None:
    """Add a row."""
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
    vault.run(f"{verb} INTO {table} ({columns}) VALUES ({marks})", *values.values())


def update(vault: Vault, table: str, where: str, keys: tuple[object, ...], **values: object) -> None:
    """Change columns of the rows that ``where`` names."""
    changes = ", ".join(f"{column} = ?" for column in values)
    vault.run(f"UPDATE {table} SET {changes} WHERE {where}", *values.values(), *keys)
