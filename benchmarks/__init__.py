"""The benchmarks: Gongdan, a peer and the raw floors of the same machine, measured in one run."""
