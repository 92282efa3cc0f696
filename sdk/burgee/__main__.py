"""`python -m burgee` is the `burgee` command."""

from burgee.cli import main

main()
