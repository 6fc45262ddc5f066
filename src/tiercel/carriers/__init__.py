"""Roads for parcels: adapters behind :class:`tiercel.ports.Carrier`, and wrappers that change how one behaves.

An adapter is small and dumb: it moves bytes it cannot read, under names it did not choose. It must never look inside
a parcel, choose what to send, import another adapter, or run anything that data names.

Example:
    >>> from tiercel.carriers.registry import open_carrier
    >>> open_carrier("folder", {"path": "/media/stick"}).road.kind
    'folder'
"""
