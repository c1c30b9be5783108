"""The project's documents, and what they claim: commands, options, addresses, links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.source_tree import ROOT

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
SHELL = {"console", "bash", "sh", "shell"}


@dataclass(frozen=True)
class Document:
    """One Markdown file: its path from the project's root, and its text."""

    path: str
    text: str

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return FENCE.sub("", self.text)

    @property
    def shell_lines(self) -> Iterator[str]:
        """Every command line of the shell blocks; in `console` blocks those after a prompt."""
        for language, block in FENCE.findall(self.text):
            if language in SHELL:
                for line in block.replace("\\\n", " ").splitlines():
                    if line.startswith("$ ") or (language != "console" and line and not line.startswith("#")):
                        yield line.removeprefix("$ ").split("  #")[0].strip()

    @property
    def code_spans(self) -> list[str]:
        """Every `code span` of the prose."""
        return INLINE.findall(self.prose)

    @property
    def commands(self) -> list[list[str]]:
        """Every command the document shows, in words; a code span counts as one."""
        lines = [*self.shell_lines, *self.code_spans]
        parts = [part for line in lines for part in re.split(r"\s*(?:&&|\|\|?|;)\s*", line)]
        return [words for part in parts if (words := split_words(part))]

    def commands_of(self, program: str) -> list[list[str]]:
        """The arguments of every call of a program the document shows, wherever it is installed."""
        return [words[1:] for words in self.commands if words[0].rpartition("/")[2] == program]

    @property
    def links(self) -> list[str]:
        """The targets of all links that stay inside the project, without their anchors."""
        targets = re.findall(r"\]\(([^)\s]+)\)", self.prose)
        return [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]


def split_words(command: str) -> list[str]:
    """Split a command as a shell would, without variables set before it; empty when it is not a command."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return []
    while words and (re.match(r"[A-Z_]+=", words[0]) or words[0] == "sudo"):
        words = words[1:]
    return words


def read_documents() -> list[Document]:
    """Read every Markdown file people are meant to read."""
    files: list[Path] = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    return [Document(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) for file in files]


def read_document(path: str) -> Document:
    """Read one document; fails with a sentence when it is missing."""
    file = ROOT / path
    assert file.is_file(), f"{path} is missing: the people it is for need it"
    return Document(path, file.read_text(encoding="utf-8"))
