"""The rules of clearance and of the slip, in plain Python: no web, database, network or PDF."""
