"""Claims of the sources and of this project, and the verdicts on them."""
