"""How flags and segments change: what may be asked, and what a change does."""
