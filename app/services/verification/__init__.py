"""Verification: what a code or a file is worth, and who asked."""
