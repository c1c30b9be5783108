"""The sync protocol without input or output: change-sets, chains, merging, what to send next. Imports schemas only."""
