"""Operating the product: its commands, its backup, and the servers in front of it."""
