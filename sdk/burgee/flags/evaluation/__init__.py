"""What a flag serves to one context, and why."""
