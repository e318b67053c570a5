"""Papers, one folder each: found by being here."""
