"""The departure service."""
