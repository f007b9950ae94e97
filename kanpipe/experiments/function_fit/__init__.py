"""Functions with a known composition, fitted by KANs with ever finer grids and by MLPs (arXiv:2404.19756)."""
