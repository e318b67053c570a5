"""The eight lessons: a text, the notebook made of it, and the checks of its exercises."""
