"""The migrations; a file that was released is never edited."""
