"""How fast this library is beside the systems it follows. Not installed with it."""
