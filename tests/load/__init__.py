"""Graduates and guards in a crowd: the whole journey under load, on this machine only (`make load`)."""
