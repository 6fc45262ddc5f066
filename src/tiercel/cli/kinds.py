"""Kinds of arguments: names that are safe to keep and to print, and dates."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import click

from tiercel.errors import UsageError

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST_DAY = date(1970, 1, 1)


class Text(click.ParamType[str]):
    """Words a person typed. A line that is no valid text (bytes of another encoding) is refused."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The words, unchanged."""
        text = str(value)
        if not text.isascii():
            try:
                text.encode("utf-8")
            except UnicodeEncodeError:
                self.fail("this is not UTF-8 text.", param, ctx)
        return text


class NewName(Text):
    """A name given to a bond, a carrier or oneself. It names nothing but that: no path, no code, no option."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name in normal form, or a refusal that says which names there are."""
        from tiercel.runtime.names import check_name

        try:
            return check_name(super().convert(value, param, ctx))
        except UsageError as error:
            self.fail(str(error), param, ctx)


class KnownName(Text):
    """A name that should be there already; whether it is, the vault knows."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name in normal form."""
        from tiercel.runtime.names import same_name

        return same_name(super().convert(value, param, ctx))


class Road(click.ParamType[tuple[str, int]]):
    """A road of a bond: the name of a carrier, and perhaps after how many days it is used."""

    name = "road"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """The name in normal form and the days, 0 where none are given."""
        if isinstance(value, tuple):
            return value
        name, equals, days = value.partition("=")
        if equals and not (days.isascii() and days.isdecimal() and len(days) < 10):
            self.fail(f"{value!r}: after = stands a number of days, as in {name}=7.", param, ctx)
        return KNOWN_NAME.convert(name, param, ctx), int(days or 0)


class Day(click.ParamType[int]):
    """A calendar date, as whole UTC days since 1970."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The day number of an ISO date."""
        if isinstance(value, int):
            return value
        try:
            day = date.fromisoformat(value) if _DATE.fullmatch(value) else None
        except ValueError:
            day = None
        if day is None:
            self.fail(f"{value!r} is not a date; write it like 2031-05-17.", param, ctx)
        if day < _FIRST_DAY:
            self.fail(f"{value} lies in the past; give a later day, like 2031-05-17.", param, ctx)
        return (day - _FIRST_DAY).days


class Number(click.ParamType[int]):
    """Which enclosure: 1 is the first."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        if isinstance(value, int):
            return value
        if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value)):
            self.fail("an enclosure is named by its number, 1 for the first.", param, ctx)
        return int(value)


TEXT = Text()
NEW_NAME = NewName()
KNOWN_NAME = KnownName()
ROAD = Road()
DAY = Day()
NUMBER = Number()
