"""The university's CAS: protocol 3.0, and 2.0 at the older address, with single logout."""
