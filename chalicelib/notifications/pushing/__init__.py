"""Push messages to members' browsers: RFC 8030, encrypted by RFC 8291, signed by RFC 8292."""
