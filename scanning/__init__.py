"""Reading codes: what a scanned or typed text says. Used by the device and the office alike; no camera, no store."""
