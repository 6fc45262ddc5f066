"""A simulated world: people with vaults, roads with every fault, years in seconds; and the checkers that watch it.

Everything of Tiercel in it is the program people get. Only what a machine would give comes from here: the clock,
randomness, the roads, the disk under the vault, and for most seeds symbols in the place of cryptography. A module that
imports any of it is imported after :func:`tiercel.testing.world.run.choose_crypto` has chosen.
"""
