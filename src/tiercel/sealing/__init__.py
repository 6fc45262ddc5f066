"""How letters and enclosures are closed and opened: prekeys, padding, envelopes, streams.

Every letter stands alone: one HPKE seal to a one-time key of its reader, holding a MAC under the secret of the bond
and a token that came with that key. There is no session, no counter and no state to lose. The room draws
randomness only from the Entropy it is given and inside HPKE.

Example:
    >>> from tiercel.sealing.padding import bundle_class
    >>> bundle_class(1000), bundle_class(20_000)
    (1792, 32256)
"""
