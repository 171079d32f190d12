"""Studies of finished networks and runs; training and evaluation need none of it."""
