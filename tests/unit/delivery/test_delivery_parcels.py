"""Our parcels on one road."""

from __future__ import annotations

import pytest

from tiercel.delivery.parcels import OnRoad, comes_off, handed_over, handing_over, pass_due
from tiercel.limits import DAY_MS, FOLDER_KEEP_DAYS

HASH, NOW = b"h" * 32, 20_000 * DAY_MS


def parcel(bundle: bytes | None = HASH, days: float = 0, put: bool = True, here: bool = True) -> OnRoad:
    return OnRoad(bundle, int(NOW - days * DAY_MS), put, here)


@pytest.mark.parametrize("put", [True, False])
@pytest.mark.parametrize("here", [True, False])
def test_a_parcel_of_a_live_bundle_stays_and_of_another_comes_off(put: bool, here: bool) -> None:
    assert not comes_off(parcel(put=put, here=here), {HASH}, NOW, clock_doubtful=False)
    assert comes_off(parcel(put=put, here=here), set(), NOW, clock_doubtful=False)
    assert comes_off(parcel(put=put, here=here), set(), NOW, clock_doubtful=True)


@pytest.mark.parametrize("put", [True, False])
def test_a_note_stays_until_it_is_fetched(put: bool) -> None:
    assert not comes_off(parcel(None, put=put), set(), NOW, clock_doubtful=False)
    assert comes_off(parcel(None, put=put, here=False), set(), NOW, clock_doubtful=False)


@pytest.mark.parametrize("bundle", [HASH, None])
def test_what_lay_too_long_comes_off_but_not_on_the_word_of_a_clock_in_doubt(bundle: bytes | None) -> None:
    last, over = parcel(bundle, FOLDER_KEEP_DAYS - 0.01), parcel(bundle, FOLDER_KEEP_DAYS)
    assert not comes_off(last, {HASH}, NOW, clock_doubtful=False)
    assert comes_off(over, {HASH}, NOW, clock_doubtful=False)
    assert not comes_off(over, {HASH}, NOW, clock_doubtful=True)


def test_a_pass_is_due_when_nothing_lies_there_or_waits_to_be_put() -> None:
    assert due()
    assert due(parcel(here=False), parcel(here=False))
    assert not due(parcel(here=False), parcel())
    assert not due(parcel(here=False), parcel(here=False, put=False))


def due(*parcels: OnRoad, delay_days: float = 60, doubtful: bool = False) -> bool:
    return pass_due(parcels, int(delay_days * DAY_MS), NOW, clock_doubtful=doubtful)


def test_a_pass_is_due_when_what_lies_there_was_not_answered_for_longer_than_a_word_takes() -> None:
    assert not due(parcel(days=29.99)) and due(parcel(days=30)), "capped"
    assert not due(parcel(days=3.99), delay_days=1) and due(parcel(days=4), delay_days=1)
    assert not due(parcel(days=40), parcel(days=1)), "some of it was put again since, as asked"
    assert not due(parcel(days=20), parcel(days=7.99), delay_days=1), "the second wait is twice the first"
    assert due(parcel(days=20), parcel(days=8), delay_days=1)
    assert not due(parcel(days=40, put=False)) and not due(parcel(days=40, here=False, put=False))
    assert due(parcel(days=40), parcel(days=1, here=False))
    assert not due(parcel(days=-0.5)) and due(parcel(days=-3650)), "put by a clock that ran ahead"


def test_a_clock_in_doubt_puts_nothing_again_by_time() -> None:
    assert not due(parcel(days=400), doubtful=True) and not due(parcel(days=-3650), doubtful=True)
    assert due(parcel(here=False), doubtful=True), "what is not there any more is no matter of time"


def test_a_letter_is_handed_over_when_the_road_took_all_parcels_of_all_its_bundles() -> None:
    assert handed_over([[True], [True, True]])
    assert not handed_over([[True], [True, False]])
    assert not handed_over([[True], []])
    assert not handed_over([])


def test_handing_over_a_second_time_is_called_so() -> None:
    assert handing_over(()) == "handed over"
    assert handing_over({"handed over"}) == handing_over({"handed over", "handed over again"}) == "handed over again"
