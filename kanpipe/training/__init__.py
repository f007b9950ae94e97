"""How a network is trained: a step, the loop around it, and what is kept of a training that is killed.

`recipe.Recipe` says what a training consists of, and `loop.fit` trains it. Names are imported from their modules, so
that sampling, which keeps finished shards, does not depend on the loop.
"""
