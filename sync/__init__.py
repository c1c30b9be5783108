"""The protocol: values in, values out. No socket, file, clock, chance or framework is known here."""
