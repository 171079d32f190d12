"""What trained weights are worth: one full pass, and its uncertainty."""
