"""Test tools for everyone who builds on Tiercel: a clock to turn, repeatable randomness, and the suite for carriers.

Nothing in Tiercel itself imports this; a carrier written elsewhere proves itself with ``carrier_suite``.
"""
