"""Libraries that speak SIP2."""
