"""Projections: views that are made of events, one by one, and kept up to date."""
