"""Sign-in of the console: the user pool behind cookies, throttled."""
