"""The pretend campus: a sign-in server and five department systems on one loopback port, for development and tests."""
