"""What every carrier and every wrapper must hold, as tests that a new adapter inherits.

Subclass :class:`CarrierSuite` in a pytest file and give it one fixture. What the suite cannot do from outside (break a
write, scatter rubbish) it asks of two methods; an adapter without them is told which proofs are missing.

Example:
    >>> class TestMine(CarrierSuite):
    ...     @pytest.fixture
    ...     def carrier(self) -> Carrier:
    ...         return MyCarrier("loopback")
"""

from __future__ import annotations

import base64
import hashlib
import sys
import sysconfig
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar
from unittest import SkipTest

from tiercel.errors import CarrierError, LimitError, ParcelMissing, UsageError
from tiercel.ports import Carrier, Listed

_LIBRARY = sysconfig.get_path("stdlib")
_T = TypeVar("_T", bound=BaseException)

BAD_NAMES: tuple[Any, ...] = (
    "", ".", "..", "/", "a" * 25, "a" * 27, "A" * 26, "1" * 26, "a" * 26 + "\n", "\n" + "a" * 25, "a" * 25 + "\0",
    "../" + "a" * 23, "/" + "a" * 25, "a" * 12 + "/" + "a" * 13, "a" * 12 + "\\" + "a" * 13, "a" * 26 + ".part",
    "ａ" * 26, "ä" + "a" * 25, "a" * 25 + "\udcff", "a;b", "os", "__import__", "x" * 1_000_000, "../" * 300_000,
    b"a" * 26, None, 7,
)  # fmt: skip


def parcel_name(number: int) -> str:
    """The same name for the same number: 26 characters of lower-case base32, of 16 bytes."""
    id_ = hashlib.sha256(b"name %d" % number).digest()[:16]
    return base64.b32encode(id_).decode("ascii").rstrip("=").lower()


def parcel_bytes(number: int, size_bytes: int) -> bytes:
    """The same random-looking bytes for the same number and size."""
    return hashlib.shake_256(b"parcel %d" % number).digest(size_bytes)


class CarrierSuite:
    """The contract of :class:`tiercel.ports.Carrier`, one method for each promise.

    The ``carrier`` fixture gives an empty carrier each time. Every method leaves it as it likes.
    """

    # -- what an adapter adds -------------------------------------------------------------------

    def breaking(self, carrier: Carrier) -> AbstractContextManager[object]:
        """A context in which a put breaks off half-way with a CarrierError. Needs the adapter."""
        raise SkipTest("the adapter does not say how its writes break (CarrierSuite.breaking)")

    def litter(self, carrier: Carrier) -> Callable[[], object]:
        """Put other people's things on the carrier; give back what takes stock of them. Needs the adapter."""
        raise SkipTest("the adapter does not say what rubbish looks like (CarrierSuite.litter)")

    def there(self, carrier: Carrier) -> Carrier:
        """The road as the other side has it, where what ``carrier`` puts is found. A shared place is one to both."""
        assert carrier.road.shows_own, "the adapter does not say where the other side finds it (CarrierSuite.there)"
        return carrier

    # -- the road -------------------------------------------------------------------------------

    def test_the_road_declares_sizes_from_small_to_large(self, carrier: Carrier) -> None:
        """At least one profile, all different, delay not negative."""
        sizes = [profile.size_bytes for profile in carrier.road.profiles]
        names = [profile.name for profile in carrier.road.profiles]
        assert sizes, "a road has at least one profile"
        assert sizes == sorted(set(sizes))
        assert len(set(names)) == len(names)
        assert carrier.road.kind and carrier.road.delay_ms >= 0

    def test_an_empty_carrier_is_well_and_lists_nothing(self, carrier: Carrier) -> None:
        """So the fixture is as the suite expects it."""
        carrier.check()
        carrier.flush()
        assert listing(carrier) == {}

    # -- put, list, head, fetch, remove ---------------------------------------------------------

    def test_what_is_put_comes_back_byte_for_byte(self, carrier: Carrier) -> None:
        """Every profile, and every kind of bytes a caller may hand over."""
        there = self.there(carrier)
        for number, profile in enumerate(carrier.road.profiles):
            parcel = parcel_bytes(number, profile.size_bytes)
            kinds: tuple[bytes | bytearray | memoryview, ...] = (
                parcel,
                bytearray(parcel),
                memoryview(b"x" + parcel)[1:],
            )
            for turn, given in enumerate(kinds):
                name = parcel_name(10 * number + turn)
                until = carrier.put(name, given)
                assert until is None or until > 0
                assert there.fetch(name) == parcel
                assert there.head(name) == parcel[:32]
                answers: list[object] = [there.fetch(name), there.head(name)]
                assert all(type(answer) is bytes for answer in answers)
                assert listing(there)[name] == profile.size_bytes

    def test_edges_of_bytes_survive(self, carrier: Carrier) -> None:
        """Zeros, ones, line ends: nothing is text on the way."""
        there = self.there(carrier)
        size = carrier.road.profiles[0].size_bytes
        for number, pattern in enumerate((b"\0", b"\xff", b"\r\n", b"\n.\r\n", b"\x1a")):
            parcel = (pattern * size)[:size]
            carrier.put(parcel_name(number), parcel)
            assert there.fetch(parcel_name(number)) == parcel

    def test_the_same_parcel_put_twice_is_there_once(self, carrier: Carrier) -> None:
        """At-least-once delivery repeats puts; also after a flush."""
        there = self.there(carrier)
        parcel = small(carrier)
        for _ in range(3):
            carrier.put(parcel_name(1), parcel)
            carrier.flush()
        names = [listed.name for listed in there.list()]
        assert names == [parcel_name(1)]
        assert there.fetch(parcel_name(1)) == parcel

    def test_what_is_removed_is_gone_and_may_be_removed_again(self, carrier: Carrier) -> None:
        """Two people may remove the same parcel; it can be put once more, unless the road remembers what was taken."""
        there = self.there(carrier)
        parcel = small(carrier)
        carrier.put(parcel_name(1), parcel)
        carrier.put(parcel_name(2), parcel)
        for _ in range(2):
            there.remove(parcel_name(1))
            assert set(listing(there)) == {parcel_name(2)}
        raised(ParcelMissing, there.fetch, parcel_name(1))
        there.flush()
        carrier.put(parcel_name(1), parcel)
        if carrier.road.tells:
            raised(ParcelMissing, there.fetch, parcel_name(1))
        else:
            assert there.fetch(parcel_name(1)) == parcel

    def test_the_listing_shows_our_own_parcels_only_where_the_road_says_so(self, carrier: Carrier) -> None:
        """What does not show is told by time alone; taking it off is no error, and harms nothing of the others."""
        there = self.there(carrier)
        carrier.put(parcel_name(1), small(carrier))
        there.put(parcel_name(2), small(carrier))
        carrier.flush()
        assert (parcel_name(1) in listing(carrier)) == carrier.road.shows_own
        assert {parcel_name(1)} <= set(listing(there)) and {parcel_name(2)} <= set(listing(carrier))
        if not carrier.road.shows_own:
            for _ in range(2):
                carrier.remove(parcel_name(1))
            assert set(listing(there)) <= {parcel_name(1)} and set(listing(carrier)) == {parcel_name(2)}

    def test_many_parcels(self, carrier: Carrier) -> None:
        """All listed exactly once, with their sizes; removing while listing is allowed."""
        there = self.there(carrier)
        parcels = {parcel_name(number): parcel_bytes(number, len(small(carrier))) for number in range(200)}
        for name, parcel in parcels.items():
            carrier.put(name, parcel)
        carrier.flush()
        listed = list(there.list())
        assert sorted(entry.name for entry in listed) == sorted(parcels)
        assert {type(entry) for entry in listed} == {Listed}
        assert {entry.size_bytes for entry in listed} == {len(small(carrier))}
        for entry in there.list():
            assert there.fetch(entry.name) == parcels[entry.name]
            there.remove(entry.name)
        assert listing(there) == {}

    def test_a_listing_may_be_left_early(self, carrier: Carrier) -> None:
        """A visit that has enough closes the iterator; the carrier works on."""
        there = self.there(carrier)
        for number in range(3):
            carrier.put(parcel_name(number), small(carrier))
        entries = there.list()
        next(entries)
        del entries
        assert len(listing(there)) == 3

    # -- refused before anything is touched -----------------------------------------------------

    def test_other_sizes_are_refused_before_writing(self, carrier: Carrier) -> None:
        """Off by one, empty, doubled, huge."""
        there = self.there(carrier)
        sizes = {profile.size_bytes for profile in carrier.road.profiles}
        wrong = {0, 1, *(size + step for size in sizes for step in (-1, 1)), 2 * max(sizes) + 1} - sizes
        for size in sorted(wrong):
            raised(LimitError, carrier.put, parcel_name(1), bytes(size))
        assert listing(there) == {}
        raised(ParcelMissing, there.fetch, parcel_name(1))

    def test_names_never_escape(self, carrier: Carrier) -> None:
        """Whatever is not exactly a name is our own mistake or somebody's attack: refused, nothing touched."""
        there = self.there(carrier)
        carrier.put(parcel_name(1), small(carrier))
        for name in BAD_NAMES:
            raised(UsageError, carrier.put, name, small(carrier))
            for act in (there.fetch, there.head, there.remove):
                raised(UsageError, act, name)
        assert set(listing(there)) == {parcel_name(1)}

    # -- failures -------------------------------------------------------------------------------

    def test_a_missing_parcel_is_told_apart(self, carrier: Carrier) -> None:
        """Not there: its own class, and no trying again. Everything else went on."""
        there = self.there(carrier)
        carrier.put(parcel_name(1), small(carrier))
        for act in (there.fetch, there.head):
            problem = raised(ParcelMissing, act, parcel_name(2))
            assert problem.permanent
        there.remove(parcel_name(2))
        assert there.fetch(parcel_name(1)) == small(carrier)

    def test_a_write_cut_off_leaves_nothing_listed_and_can_be_repeated(self, carrier: Carrier) -> None:
        """An error never leaves a listed parcel behind, and never harms one that is there."""
        there = self.there(carrier)
        carrier.put(parcel_name(1), small(carrier))
        with self.breaking(carrier):
            for number in range(2, 5):
                problem = raised(CarrierError, carrier.put, parcel_name(number), small(carrier))
                assert not isinstance(problem, ParcelMissing)
            assert set(listing(there)) == {parcel_name(1)}
            raised(ParcelMissing, there.head, parcel_name(2))
        assert set(listing(there)) == {parcel_name(1)}
        carrier.put(parcel_name(2), small(carrier))
        assert there.fetch(parcel_name(2)) == small(carrier)

    def test_an_interrupt_at_any_line_leaves_a_whole_parcel_or_none(self, carrier: Carrier) -> None:
        """Ctrl-C after each line of the adapter in turn; then the same put succeeds."""
        there = self.there(carrier)
        parcel = large(carrier)
        for line in range(1, 2000):
            name = parcel_name(line)
            finished = interrupted_at(line, partial(carrier.put, name, parcel))
            if name in listing(there):
                assert there.fetch(name) == parcel
            carrier.put(name, parcel)
            assert there.fetch(name) == parcel
            there.remove(name)
            assert listing(there) == {}
            if finished:
                assert line > 1, "no line of the adapter was traced"
                return
        raise AssertionError("a put of one parcel ran through 2000 lines")

    # -- other people ---------------------------------------------------------------------------

    def test_other_peoples_things_are_neither_listed_nor_removed(self, carrier: Carrier) -> None:
        """Rubbish beside our parcels does not show, does not stop us, and is not ours to clear."""
        there = self.there(carrier)
        take_stock = self.litter(carrier)
        before = take_stock()
        assert before, "the adapter left no rubbish"
        carrier.check()
        carrier.put(parcel_name(1), small(carrier))
        carrier.flush()
        assert set(listing(there)) == {parcel_name(1)}
        assert there.fetch(parcel_name(1)) == small(carrier)
        there.remove(parcel_name(1))
        assert listing(there) == {}
        assert take_stock() == before


def listing(carrier: Carrier) -> Mapping[str, int]:
    """What a carrier lists now: sizes by name."""
    return {entry.name: entry.size_bytes for entry in carrier.list()}


def small(carrier: Carrier) -> bytes:
    """A parcel of the smallest profile."""
    return parcel_bytes(0, carrier.road.profiles[0].size_bytes)


def large(carrier: Carrier) -> bytes:
    """A parcel of the largest profile."""
    return parcel_bytes(0, carrier.road.profiles[-1].size_bytes)


def raised(kind: type[_T], act: Callable[..., object], *arguments: object) -> _T:
    """The error of that kind that an act ends in; anything else fails the test."""
    try:
        act(*arguments)
    except kind as problem:
        return problem
    raise AssertionError(f"{kind.__name__} was expected, and nothing was raised")


def interrupted_at(line: int, act: Callable[[], object]) -> bool:
    """Run an act and raise KeyboardInterrupt before its n-th line outside the library; whether it ended before that.

    What follows the interrupt (cleaning up) runs undisturbed, as it does for a person who presses the key once.
    """
    left = line

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal left
        if foreign(frame.f_code.co_filename):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    except KeyboardInterrupt:
        return False
    finally:
        sys.settrace(before)
    return True


def foreign(path: str) -> bool:
    """Whether a file is Python's own or this one, whose lines are not interrupted."""
    return path == __file__ or path.startswith("<") or (path.startswith(_LIBRARY) and "site-packages" not in path)
