"""The playground: a model that trains live in the browser, and recorded runs played back."""
