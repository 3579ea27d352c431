"""Tests of CAS through the running service."""
