"""Time and memory of layers on the published set-ups and on others, each in turn with the rest."""
