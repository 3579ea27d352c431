"""The version of this program, by which CHANGELOG.md tells what is new."""

VERSION = "1.0.0"
