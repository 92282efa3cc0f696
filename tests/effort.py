"""How many examples a property is shown. The profile's 100 are for what costs microseconds."""

import hypothesis

COSTLY = hypothesis.settings(max_examples=25)
"""For properties whose every example asks an engine or a database many times over."""
