"""Expected losses of fixed arrangements of two and three features, and the borders between them."""
