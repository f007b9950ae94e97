"""One page for a reader: what the sources claimed, what was measured, and what to believe."""
