"""The engineer's pages: served on the device itself, for the browser of the person who holds it, without a network."""
