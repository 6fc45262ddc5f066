"""Reader lists: one order, and what is shown when they change."""

from __future__ import annotations

from tiercel.bond.readers import Change, Reader, canonical, diff

VAULT, STICK, GUARDIAN = Reader("vault", 20_000), Reader("stick", 20_100), Reader("guardian", 20_100)


def test_one_order() -> None:
    expected = (VAULT, GUARDIAN, STICK)
    assert canonical([STICK, VAULT, GUARDIAN]) == canonical(expected) == expected


def test_nothing_changed_whatever_the_order() -> None:
    assert diff([VAULT, STICK], [STICK, VAULT]) == []
    assert diff([], []) == []


def test_added_and_removed() -> None:
    assert diff([VAULT, STICK], [GUARDIAN, VAULT]) == [Change("added", GUARDIAN), Change("removed", STICK)]


def test_the_same_kind_since_another_day_is_another_reader() -> None:
    later = Reader("vault", 20_001)
    assert diff([VAULT], [later]) == [Change("added", later), Change("removed", VAULT)]


def test_a_second_one_alike_does_not_hide() -> None:
    assert diff([STICK], [STICK, STICK]) == [Change("added", STICK)]
