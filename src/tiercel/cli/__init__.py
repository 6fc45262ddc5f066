"""The command line: one module per group of commands, all output in :mod:`tiercel.cli.output`.

It calls ``tiercel.runtime`` and nothing below it. Whatever costs time to load (the runtime, the QR writer, progress
bars) is imported inside the command that needs it, so that ``tiercel --version`` and ``--help`` answer at once.
"""
