"""Changes to the tables, one file each, applied in order by `server.store.migrate`."""
