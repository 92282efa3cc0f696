"""Tenants: who the data belongs to, and their typed settings."""
