"""Tests of the sign-in pages and the session."""
