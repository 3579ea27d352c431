"""Sign-in: who somebody is, and the session that follows."""
