"""Delivery: which state a letter is in, when it is sent again, and what goes on a road at a visit.

Pure: no clock, file, network or randomness; time comes in as an argument. It carries sealed bytes and never sees a
letter's text or keys.
"""
