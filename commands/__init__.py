"""What an owner does from a shell, against AWS or the local cloud: `python -m commands --help`."""
