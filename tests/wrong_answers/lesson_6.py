"""Wrong answers to the exercises of lesson 6: a function, and what the message must say."""

WRONG: dict = {}
