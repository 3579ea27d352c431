"""The slip's documents: fields in, bytes out."""
