"""Flags in applications: the evaluator, exposures, OpenFeature."""
