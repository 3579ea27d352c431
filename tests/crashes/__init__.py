"""The service killed at named points and at random, and what must hold afterwards."""
