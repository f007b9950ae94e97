"""Figures and tables for readers."""
