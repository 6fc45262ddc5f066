"""``tiercel relay``: be a post box for others. Needs no vault, and knows none."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tiercel.cli import output
from tiercel.cli.frame import group, member
from tiercel.cli.inviting import qr
from tiercel.cli.session import Session
from tiercel.errors import StoreError, UsageError

if TYPE_CHECKING:
    from tiercel.relay.protocol import Registration
    from tiercel.relay.serving import Plan
    from tiercel.relay.stores import Place

LISTEN = "0.0.0.0:7787"
TOKEN_BOXES = 100  # two people with a few relays, over a year of rotation
TOKEN_DAYS = 365
GIB = 1 << 30
ROOM_GIB_MAX = 1 << 30  # what databases count bytes with has a sign and 64 bits


@group(
    "relay",
    examples=[
        ("tiercel relay serve", "be a relay; the first line is its address"),
        ("tiercel relay token new", "let somebody make boxes on it"),
    ],
)
def relay() -> None:
    """Be a post box that knows nothing: holds sealed parcels for others."""


def folder() -> Path:
    """Where a relay keeps what it has, if nothing else is said."""
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (data if data.is_absolute() else Path("~/.local/share").expanduser()) / "tiercel-relay"


def place(store: str | None) -> Place:
    """Where the store is."""
    from tiercel.relay import stores

    return stores.place_of(store or f"sqlite:{folder() / 'relay.db'}", folder())


def host_and_port(text: str | None, option: str) -> tuple[str, int] | None:
    """HOST:PORT, an IPv6 address in brackets.

    Raises:
        UsageError: Of another shape.
    """
    if text is None:
        return None
    from tiercel.relay.protocol.address import host_of

    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/]+)):(\d{1,5})", text)
    host = host_of(found[1] or found[2]) if found else None
    if not found or host is None or int(found[3]) > 65535:
        raise UsageError(f"{option} takes HOST:PORT, for example 127.0.0.1:7787 or [::1]:7787.")
    return host, int(found[3])


STORE = click.option(
    "--store", metavar="STORE", help="sqlite:PATH or postgresql://...; else ~/.local/share/tiercel-relay/relay.db."
)
ROOM = click.option("--room", type=click.FloatRange(min=0.01), default=8, metavar="GIB",
                    help="What all boxes may take together, in GiB; 8 if not given.")  # fmt: skip


def bytes_of(room: float) -> int:
    """GiB in bytes.

    Raises:
        UsageError: No such number, or more than a disk has.
    """
    if not room < ROOM_GIB_MAX:  # also what is no number at all
        raise UsageError("--room takes a number of GiB, for example 8 or 0.5.")
    return int(room * GIB)


@member(
    relay,
    "serve",
    examples=[
        ("tiercel relay serve --public post.example.org:7787", "listen everywhere, on port 7787"),
        ("tiercel relay serve --listen 127.0.0.1:0", "on this machine alone, on a free port"),
    ],
)
@click.option("--listen", default=LISTEN, metavar="ADDR", help=f"HOST:PORT to listen on; {LISTEN} if not given.")
@STORE
@click.option("--tls", type=click.Choice(["self-signed"]), help="Its own certificate, made once; this is the default.")
@click.option(
    "--tls-cert", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="A certificate (PEM)."
)
@click.option("--tls-key", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="And its key (PEM).")
@click.option("--plain", is_flag=True, help="No TLS: behind an onion address or a proxy of this machine.")
@click.option(
    "--registration",
    type=click.Choice(["open", "token", "closed"]),
    help="Who may make boxes; token if not given, open on a loopback address.",
)
@click.option("--public", metavar="ADDR", help="HOST:PORT that the address says, where it is not that of --listen.")
@ROOM
@click.option(
    "--hold", type=click.IntRange(1, 3650), metavar="DAYS", help="How long parcels are held; 60 if not given."
)
@click.option("--metrics", metavar="ADDR", help="HOST:PORT where Prometheus may ask.")
@click.pass_obj
def serve(session: Session, listen: str, store: str | None, tls: str | None, tls_cert: Path | None,
          tls_key: Path | None, plain: bool, registration: str | None, public: str | None, room: float,
          hold: int | None, metrics: str | None) -> None:  # fmt: skip
    """Be a relay until told to stop.

    The first line is the address to give to others; the log goes to standard error. It holds no address, no id and
    no size of anybody.
    """
    if (tls_cert is None) != (tls_key is None) or sum((bool(tls), tls_cert is not None, plain)) > 1:
        raise UsageError("Give --tls self-signed, or --tls-cert with --tls-key, or --plain.")
    where = host_and_port(listen, "--listen")
    assert where is not None
    others = host_and_port(public, "--public")
    if others and not others[1]:
        raise UsageError("--public takes the port that others come to, and nobody comes to 0.")
    session.kept = "What the relay promised to hold is held."
    run(session, replace(
        plan_for(where, store, room, hold), registration=registration_named(registration), plain=plain,
        certificate=tls_cert, key=tls_key, public=others,
        metrics=host_and_port(metrics, "--metrics"),
    ))  # fmt: skip


def plan_for(where: tuple[str, int], store: str | None, room: float, hold: int | None) -> Plan:
    """The plan, without what is rarely asked for."""
    from tiercel.relay.serving import Plan
    from tiercel.relay.store import Rules

    rules = Rules(room_bytes=bytes_of(room))
    return Plan(*where, place(store), rules=replace(rules, hold_days=hold) if hold else rules)


def registration_named(word: str | None) -> Registration | None:
    """Who may make boxes, by its word."""
    from tiercel.relay.protocol import Registration

    return Registration[word.upper()] if word else None


def run(session: Session, plan: Plan) -> None:
    """Serve, and say the address first of all."""
    import asyncio
    import logging

    from tiercel.relay import serving, tally
    from tiercel.runtime.clock import SystemClock, SystemEntropy

    def announce(address: str) -> None:
        picture = qr(address) if output.on_terminal() and not session.json else []
        output.show(session.json, {"address": address}, [address, *picture])

    clock = SystemClock()
    log = tally.logger(clock.now_ms, logging.StreamHandler())
    asyncio.run(serving.serve(plan, clock.now_ms, SystemEntropy().token, log, announce))


@member(relay, "status", examples=[("tiercel relay status", "")])
@STORE
@click.pass_obj
def status(session: Session, store: str | None) -> None:
    """Show how full a relay is: of everybody together, of nobody alone."""
    from tiercel.relay import stores

    where = place(store)
    counts = stores.counts_of(where)
    served, address = stores.is_served(where), stores.said_address(where)
    value = {
        "address": address, "serving": served, "boxes": counts.boxes, "parcels": counts.parcels,
        "used": counts.used_bytes, "tokens": counts.tokens, "days": counts.relay_day,
    }  # fmt: skip
    lines = output.table([
        ("address", address or "not known yet"), ("serving", "yes" if served else "no"), ("boxes", str(counts.boxes)),
        ("parcels", str(counts.parcels)), ("used", output.size(counts.used_bytes)), ("tokens", str(counts.tokens)),
        ("days at work", str(counts.relay_day)),
    ])  # fmt: skip
    output.show(session.json, value, lines)


@group("token", within=relay, examples=[("tiercel relay token new --boxes 20 --for 30", "")])
def token() -> None:
    """Let somebody make boxes, where not everybody may."""


@member(token, "new", examples=[("tiercel relay token new", ""), ("tiercel relay token new --boxes 20 --for 30", "")])
@click.option("--boxes", type=click.IntRange(1, 1_000_000), default=TOKEN_BOXES, metavar="N",
              help=f"How many boxes; {TOKEN_BOXES} if not given.")  # fmt: skip
@click.option("--for", "days", type=click.IntRange(1, 36_500), default=TOKEN_DAYS, metavar="DAYS",
              help=f"For how many days of the relay's work; {TOKEN_DAYS} if not given.")  # fmt: skip
@STORE
@click.pass_obj
def new(session: Session, boxes: int, days: int, store: str | None) -> None:
    """Make a token, and the relay's address with it.

    Whoever has the second line can make so many boxes. What the relay keeps does not say which boxes were made with it.
    """
    from tiercel.relay import protocol, stores
    from tiercel.runtime.clock import SystemEntropy

    where, secret = place(store), SystemEntropy().token(32)
    stores.add_token(where, protocol.token_hash(secret), boxes, days)
    said = stores.said_address(where)
    address = protocol.encode_address(replace(protocol.decode_address(said), token=secret)) if said else None
    value = {"token": protocol.token_text(secret), "address": address, "boxes": boxes, "days": days}
    output.show(session.json, value, [protocol.token_text(secret), *([address] if address else [])])


@member(relay, "doctor", examples=[("tiercel relay doctor", "")])
@STORE
@ROOM
@click.pass_obj
def doctor(session: Session, store: str | None, room: float) -> None:
    """Check the store, its disk, the certificate and the limits of this machine. Ends with 6 if something is unwell."""
    from tiercel.relay import checks

    found = checks.examine(place(store), bytes_of(room))
    lines: list[str] = []
    for one in found:
        lines.append(f"{'ok' if one.well else '!!'}  {one.what}: {output.plain(one.sentence)}")
        if one.remedy:
            lines.append(f"    {output.plain(one.remedy)}")
    output.show(session.json, [one._asdict() for one in found], lines)
    session.exit_code = 0 if all(one.well for one in found) else StoreError.exit_code
