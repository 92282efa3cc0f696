"""Questions as SQL trees, and the engines that run them."""
