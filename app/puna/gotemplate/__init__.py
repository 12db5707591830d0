"""Go's ``text/template`` language: text and data in, text or an error with its place out.

``lexer`` → ``parser`` → ``nodes`` → ``evaluator``; ``values`` holds Go's types,
``formatting`` its ``fmt`` verbs and ``functions`` its predefined functions. The
interpreter keeps its own stacks, so that no template can exhaust Python's.
"""
