"""What experiments are made of, and what runs, judges, controls and shows them."""
