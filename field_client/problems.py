"""What a port of the device refuses: a photo, a code, a PIN, a file."""

from schemas.problems import Refused


class MediaProblem(Refused):
    """A refusal of one of the device's ports; it carries a code of the catalogue and its facts."""
