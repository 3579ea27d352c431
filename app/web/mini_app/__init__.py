"""The pages of a mini-app."""
