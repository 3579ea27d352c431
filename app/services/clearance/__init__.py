"""Clearance: what the departments say of a student, what may pass, and the one submission."""
