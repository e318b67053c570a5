"""The workshop: lessons as scripts, from which the notebooks are made."""
