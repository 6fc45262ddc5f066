"""Tiercel: private letters between two people.

The package root stays light: importing it loads nothing but this file, so that
``tiercel --version`` answers at once.
"""

__version__ = "0.1.0"
