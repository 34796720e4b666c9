"""A program as a file: read, compared with the program in words, applied, written from it."""
