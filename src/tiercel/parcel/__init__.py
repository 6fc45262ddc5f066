"""Parcels: cut a sealed bundle into symbols, box them for a road, recognise and gather them again.

The room owns the epochs of the parcel keys, the tags, the box, the erasure code and the notes. It never sees the
inside of a bundle, never draws randomness (every ``r`` is given), never looks at a clock and keeps nothing on disk. To
everyone without the keys a parcel is random bytes of one of five sizes.

Import from the modules; nothing is loaded here.
"""
