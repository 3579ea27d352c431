"""Departments whose view or table is read by SQL."""
