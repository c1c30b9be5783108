"""One function per use case: each builds change-sets or reads."""
