"""Experiments: what a flag did to what people do, and how sure that is."""
