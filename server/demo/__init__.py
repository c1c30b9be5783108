"""A made-up after-sales company, to try everything with. Every name and number is invented."""
