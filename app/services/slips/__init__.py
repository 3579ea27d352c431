"""Slips: how they are issued, signed, kept and revoked."""
