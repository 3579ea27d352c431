"""The pretend campus: a sign-in server and the department systems on one loopback port, for development and tests."""
