"""A post box that knows nothing: holds parcels in boxes for whoever shows the right key.

``protocol`` is pure and shared with the client; ``store`` says what a store must do; the rest is the server. No module
here can open, make or recognise a parcel: the room imports nothing that could. Source: spec/relay.md.
"""
