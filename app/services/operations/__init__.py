"""What an operator asks of the installation: is it well, what is kept, for how long, and where is the copy."""
