"""What a letter is: its record, its inert mark-up, and names that are safe on a disk.

The room knows nothing of keys, roads or storage. The text of a letter is kept byte for byte; only what is shown of
it is made harmless.

Example:
    >>> from tiercel.letter.names import safe_name
    >>> safe_name("../../etc/passwd")
    'etcpasswd'
"""
