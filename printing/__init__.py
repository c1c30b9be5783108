"""Paper that device and server print alike: the same input gives the same bytes."""
