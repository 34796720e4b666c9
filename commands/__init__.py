"""The owner's commands, against AWS or the local cloud: `python -m commands --help`."""
