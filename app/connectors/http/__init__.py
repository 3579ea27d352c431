"""Departments that answer over HTTP."""
