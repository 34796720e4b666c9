"""Personal data of a member: handed to them on request, erased on request."""
