"""The office side: takes change-sets in exactly once, keeps the log, shows people the truth."""
