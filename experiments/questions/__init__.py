"""Studies of our own, one folder each: found by being here."""
