"""Ways to another machine, for any carrier: a connection, a proxy, acts in turn. No carrier stands here."""
