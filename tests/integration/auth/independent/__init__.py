"""Sign-in servers of other people's making, started where they are installed."""
