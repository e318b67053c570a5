"""Wrong answers to the exercises of lesson 5: a function, and what the message must say."""

WRONG: dict = {}
