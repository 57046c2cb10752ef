"""What files beside it may import."""
WANTED = 42.0
