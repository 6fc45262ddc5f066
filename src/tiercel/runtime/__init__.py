"""Puts the rooms together: the only room that builds a real clock, real entropy and real carriers.

The desk and the command line both call this room and nothing below it, so that they offer the same powers and the
same words. Every public function takes a :class:`~tiercel.runtime.home.Home` first.
"""
