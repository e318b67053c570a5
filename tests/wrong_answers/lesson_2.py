"""Wrong answers to the exercises of lesson 2: a function, and what the message must say."""

WRONG: dict = {}
