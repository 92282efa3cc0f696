"""Questions about events: what can be asked, how it is answered, and the answers as fluent objects."""
