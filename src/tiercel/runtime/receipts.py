"""Which receipts a bond gives, and how long they may wait: chosen by the reader, per bond."""

from __future__ import annotations

from tiercel.errors import UsageError
from tiercel.limits import RECEIPT_DELAY_HOURS_MAX
from tiercel.parcel.note import ReceiptKind
from tiercel.vault import bonds, notes

from .home import Home
from .views import ReceiptsView


def receipts(home: Home, name: str) -> ReceiptsView:
    """What a bond tells its writer: of arriving by default, of reading only if chosen."""
    bond = home.bond(name)
    return ReceiptsView(bond.name, bool(bond.receipts), bool(bond.read_receipts), bond.receipt_delay_h)


def set_receipts(home: Home, view: ReceiptsView) -> ReceiptsView:
    """Decide which receipts are given from now on; those of a kind now refused that have not left are not said.

    Args:
        home: Opened.
        view: The whole choice, with the name of its bond.

    Raises:
        UsageError: A delay below 0 or above 24 hours.
    """
    if not 0 <= view.delay_h <= RECEIPT_DELAY_HOURS_MAX:
        raise UsageError(f"Receipts can wait 0 to {RECEIPT_DELAY_HOURS_MAX} hours; nothing was changed.")
    with home.vault.transaction():
        bond = home.bond(view.bond)
        bonds.change_bond(
            home.vault, bond.id,
            receipts=int(view.arrived), read_receipts=int(view.read), receipt_delay_h=view.delay_h,
        )  # fmt: skip
        if not view.arrived:
            notes.unsay_receipts(home.vault, bond.id, ReceiptKind.ARRIVED)
        if bond.read_receipts and not view.read:
            notes.unsay_receipts(home.vault, bond.id, ReceiptKind.READ)
    return receipts(home, view.bond)
