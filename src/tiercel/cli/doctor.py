"""``tiercel doctor``: what is wrong, in plain words, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tiercel.cli import output, shapes
from tiercel.cli.frame import command
from tiercel.cli.session import Session
from tiercel.errors import CarrierError, SuiteMissing, TiercelError, UsageError, VaultDamaged, VaultError, VaultMissing

if TYPE_CHECKING:
    from tiercel.runtime.views import Finding

# By the first word of what was looked at; what is not here is worth saying, and no failure.
CODES = {
    "vault": VaultError.exit_code,
    "copy": VaultError.exit_code,
    "enclosures": VaultError.exit_code,
    "carrier": CarrierError.exit_code,
    "libraries": SuiteMissing.exit_code,
}


@command("doctor", examples=[("tiercel doctor", ""), ("tiercel doctor --accept-old-copy", "")])
@click.option(
    "--accept-old-copy", is_flag=True, help="This vault is an older copy of itself, and all there is: go on with it."
)
@click.pass_obj
def doctor(session: Session, accept_old_copy: bool) -> None:
    """Check vault, roads, clock and libraries.

    Says what is wrong and what to do. Ends with 6 if the vault is unwell, with 5 if a road is, with 4 if a
    library is missing, else with 0.
    """
    findings, error = examined(session, accept_old_copy)
    lines: list[str] = []
    for one in findings:
        mark = "ok" if one.well else "!!"
        lines.append(f"{mark}  {output.plain(one.what)}: {output.plain(one.sentence)}")
        if not one.well and one.remedy:
            lines.append(f"    {output.plain(one.remedy)}")
    output.show(session.json, shapes.findings(findings), lines)
    session.notices.clear()  # the findings say the same with more care
    session.exit_code = max(exit_code(findings), error.exit_code if error else 0)


def examined(session: Session, accept_old_copy: bool) -> tuple[list[Finding], TiercelError | None]:
    """What is found, with the vault open if it can be opened, and the error that kept it closed."""
    from tiercel.runtime import doctor as runtime_doctor

    if not session.folder.exists():
        missing = VaultMissing()
        return with_error(runtime_doctor.examine(None), missing), missing
    try:
        with session.home() as home:
            if accept_old_copy:
                runtime_doctor.accept_old_copy(home)
            return runtime_doctor.examine(home), None
    except UsageError:
        raise
    except TiercelError as error:
        if accept_old_copy:
            raise
        return with_error(runtime_doctor.examine(None), error), error


def with_error(found: Sequence[Finding], error: TiercelError) -> list[Finding]:
    """The findings, with why the vault stayed closed."""
    from tiercel.runtime.views import Finding

    remedy = "Put back a copy of the vault folder." if isinstance(error, VaultDamaged) else error.remedy
    return [Finding("vault", False, str(error), remedy), *found]


def exit_code(found: Sequence[Finding]) -> int:
    """The code of the worst that was found."""
    return max((CODES.get(one.what.split(" ")[0], 0) for one in found if not one.well), default=0)
