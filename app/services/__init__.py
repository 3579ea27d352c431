"""Use cases, one module a noun. Only these read and write the models and commit."""
