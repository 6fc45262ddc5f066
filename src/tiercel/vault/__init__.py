"""The encrypted store of one person: the only room that opens the vault's database."""
