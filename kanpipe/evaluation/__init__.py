"""What generated data are scored with."""
