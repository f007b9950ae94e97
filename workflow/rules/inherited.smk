# The rules of a kind in which nothing differs from those of all kinds.
use rule * from STAGES as PREFIX*
