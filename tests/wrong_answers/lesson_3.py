"""Wrong answers to the exercises of lesson 3: a function, and what the message must say."""

WRONG: dict = {}
