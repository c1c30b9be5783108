"""Pure rules of the trade: no database, no clock, no framework."""
