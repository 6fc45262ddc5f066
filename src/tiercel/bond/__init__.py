"""Making a bond: the invitation, the four pairing messages and the six words two people compare.

Owns the pairing machine and nothing around it: messages travel, are stored and are repeated by others. It must never
read a clock, draw its own randomness, or let a secret into a repr.

Example:
    >>> from tiercel.bond.invitation import decode_invitation
    >>> decode_invitation("7-guitar")
    Traceback (most recent call last):
    tiercel.errors.MalformedInvitation: This is not an invitation: it does not begin with tiercel1.
"""
