"""The page on extending: what it shows is what is there, and a declaration is really all it takes."""

import inspect
import re
from pathlib import Path

from schemas import aftercare

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"


def test_the_page_shows_the_declaration_as_it_is() -> None:
    shown = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

    declared = inspect.getsource(aftercare.TrainingRecord)

    assert shown is not None
    assert shown[1] == declared
