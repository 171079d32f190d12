"""The ledger: variations of a base, trained at equal arithmetic and compared."""
