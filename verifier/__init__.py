"""A verifier of what Gongdan says: it imports nothing of Gongdan, and nothing but the standard library and Ed25519."""
