"""``tiercel carrier``: the roads letters travel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tiercel.cli import output, shapes
from tiercel.cli.frame import group, member
from tiercel.cli.kinds import KNOWN_NAME, NEW_NAME, TEXT
from tiercel.cli.session import Session
from tiercel.errors import NameUnknown, UsageError

if TYPE_CHECKING:
    from tiercel.runtime.home import Home
    from tiercel.runtime.views import CarrierView


TOR = "127.0.0.1:9050"


@group(
    "carrier",
    examples=[("tiercel carrier add folder stick /media/ada/STICK", ""), ("tiercel carrier test stick", "")],
)
def carrier() -> None:
    """Roads: add, list, test, move and remove carriers.

    A carrier moves sealed parcels and learns nothing of what is in them.
    """


@group("add", within=carrier, examples=[("tiercel carrier add folder stick /media/ada/STICK", "")])
def add() -> None:
    """Add a road."""


@member(
    add,
    "folder",
    examples=[
        ("tiercel carrier add folder stick /media/ada/STICK", "a stick that somebody carries"),
        ("tiercel carrier add folder shared ~/Sync/letters", "a folder that another program keeps in step"),
    ],
)
@click.argument("name", type=NEW_NAME)
@click.argument("path", type=TEXT)
@click.pass_obj
def add_folder(session: Session, name: str, path: str) -> None:
    """Use a folder as a road: a stick, a mounted share, a synchronised folder.

    The folder may hold other files; they are left alone.
    """
    from tiercel.runtime import roads

    with session.home() as home:
        roads.add_folder(home, name, str(Path(path).expanduser().absolute()))
        view = named(home, name)
    line = f"{output.plain(view.name)} is a road now: {output.plain(view.place)}"
    output.show(session.json, shapes.carrier(view), [line])


@member(
    add,
    "relay",
    examples=[
        ("tiercel carrier add relay post tiercel-relay://...", "the line that its operator gave you"),
        ("tiercel carrier add relay post tiercel-relay://... --tor", "through Tor, which runs on this machine"),
    ],
)
@click.argument("name", type=NEW_NAME)
@click.argument("address", type=TEXT)
@click.option("--tor", is_flag=True, help="Go there through Tor: 127.0.0.1:9050, unless --proxy says where.")
@click.option("--proxy", metavar="HOST:PORT", help="A SOCKS5 proxy that takes a password, as Tor is one.")
@click.option("--limit", type=click.IntRange(1, 1 << 30), metavar="KIB", help="At most so many KiB a second.")
@click.pass_obj
def add_relay(session: Session, name: str, address: str, tor: bool, proxy: str | None, limit: int | None) -> None:
    """Use a relay as a road. Each bond gets boxes of its own on it, by itself.

    Through Tor each box has a circuit of its own, and names are resolved at the far end.
    """
    from tiercel.runtime import roads

    way = proxy or (TOR if tor else None)
    if way is not None and not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:/@\s]+):[1-9][0-9]{0,4}", way):
        raise UsageError("--proxy takes HOST:PORT, for example 127.0.0.1:9050.")
    with session.home() as home:
        view = roads.add_relay(home, name, address, way, limit and 1024 * limit)
    line = f"{output.plain(view.name)} is a road now: {output.plain(view.place)}"
    output.show(session.json, shapes.carrier(view), [line])


@member(carrier, "list", examples=[("tiercel carrier list", "")])
@click.pass_obj
def list_carriers(session: Session) -> None:
    """List the roads, what uses them, and their troubles."""
    from tiercel.runtime import roads

    with session.home() as home:
        views = roads.carriers(home)
    lines = output.table(row(view) for view in views) or ["No roads yet. Add one: tiercel carrier add folder NAME PATH"]
    output.show(session.json, [shapes.carrier(view) for view in views], lines)


@member(carrier, "test", examples=[("tiercel carrier test stick", "")])
@click.argument("name", type=KNOWN_NAME)
@click.pass_obj
def test_carrier(session: Session, name: str) -> None:
    """Try a road now, and say what is wrong with it."""
    from tiercel.runtime import roads

    with session.home() as home:
        view = roads.test(home, name)
    output.show(session.json, shapes.carrier(view), [f"{output.plain(view.name)} is well: {output.plain(view.place)}"])


@member(carrier, "move", examples=[("tiercel carrier move stick /mnt/STICK", "")])
@click.argument("name", type=KNOWN_NAME)
@click.argument("path", type=TEXT)
@click.pass_obj
def move(session: Session, name: str, path: str) -> None:
    """Say where the folder of a road is now.

    Its bonds stay, and so does what is known of the parcels on it.
    """
    from tiercel.runtime import roads

    with session.home() as home:
        view = roads.move(home, name, str(Path(path).expanduser().absolute()))
    line = f"{output.plain(view.name)} is at {output.plain(view.place)} now."
    output.show(session.json, shapes.carrier(view), [line])


@member(carrier, "remove", examples=[("tiercel carrier remove stick", "")])
@click.argument("name", type=KNOWN_NAME)
@click.pass_obj
def remove(session: Session, name: str) -> None:
    """Use a road no longer; what is on it stays there."""
    from tiercel.runtime import roads

    with session.home() as home:
        roads.remove(home, name)
    output.show(session.json, {"name": name, "removed": True}, [f"{output.plain(name)} is no longer a road."])


def row(view: CarrierView) -> tuple[str, str, str, str]:
    """A road as a line of the list."""
    used = ", ".join(view.bonds) if view.bonds else "no bond yet"
    trouble = f"  ! {view.trouble}" if view.trouble else ""
    return (output.plain(view.name), view.kind, output.plain(view.place), output.plain(used + trouble))


def named(home: Home, name: str) -> CarrierView:
    """The road of that name.

    Raises:
        NameUnknown: There is none.
    """
    from tiercel.runtime import roads

    for view in roads.carriers(home):
        if view.name == name:
            return view
    raise NameUnknown(f"There is no road called {name}.")
