"""The engineer's side: captures work without a network, keeps it encrypted, syncs when it can."""
