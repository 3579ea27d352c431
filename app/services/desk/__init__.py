"""Desks: departments without a system, whose clerks record or import what holds."""
