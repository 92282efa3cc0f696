"""What every room stands on: results, errors, ids, the clock, scopes and settings. Imports nothing of burgee."""
