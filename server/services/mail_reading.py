"""Reading a mail by strangers into plain values; whatever its bytes are, it costs little and does nothing.

Rule 1: limits come before parsing: Python's parser takes time in proportion to lines times nested parts.
Rule 2: of HTML the words are kept, and nothing else; no address in it is ever asked.
Rule 3: what cannot be read is kept as the file it is, and a person is told.
Rule 4: what a program wrote by itself is never answered and becomes no request. Source: RFC 3834, RFC 3464.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr
from html.parser import HTMLParser
from typing import Final

MAIL_BYTES_MAX: Final = 30 * 1024 * 1024
"""Mail servers take 25 MB of attachments, which are a third more as text."""

LINES_MAX: Final = 700_000
"""30 MB of base64 have 400,000 lines of 76 letters."""

PARTS_MAX: Final = 60
"""Boundaries and mails within the mail; a person's has three or four."""

FILES_MAX: Final = 20
FILE_NAME_MOST: Final = 120
HEADER_MOST: Final = 2000
TEXT_MOST: Final = 60_000
HTML_MOST: Final = 400_000
REFERENCES_MOST: Final = 20

CHARSETS: Final = re.compile(
    r"(utf-?(8|16|32)|us-ascii|ascii|iso-8859-\d+|latin-?1|windows-125\d|cp125\d|koi8-[ru]"
    r"|gb2312|gbk|gb18030|hz-gb-2312|big5(-?hkscs)?|shift_?jis|euc-(jp|kr|tw)|iso-2022-(jp|kr))\Z"
).match
"""Other names may be codecs that are none of text, or that take long."""

_AUTOMATIC_PRECEDENCE: Final = frozenset({"bulk", "junk", "list", "auto_reply"})
_MACHINES: Final = re.compile(r"(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+.-].*)?@", re.IGNORECASE)
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{3,250}>").findall
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]").search
_BLOCKS: Final = frozenset(
    {"address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p"}
    | {"pre", "table", "tr", "ul"}
)
_UNSEEN: Final = frozenset({"script", "style", "head", "title", "template", "noscript"})


@dataclass(frozen=True, slots=True)
class MailFile:
    """A file that came with a mail."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail says. `problem` is why it could not be read; then its own bytes are its file."""

    digest: str
    message_id: str | None
    references: tuple[str, ...]
    sender: str
    sender_name: str
    subject: str
    text: str
    files: tuple[MailFile, ...] = ()
    is_automatic: bool = False
    is_bounce: bool = False
    problem: str | None = None

    @property
    def language(self) -> str:
        """The language to answer in."""
        return "zh" if _CHINESE(self.subject + self.text) else "en"


def read_mail(raw: bytes) -> Mail:
    """Return what a mail says, whatever its bytes are."""
    head = raw[: 256 * 1024].split(b"\r\n\r\n", 1)[0].split(b"\n\n", 1)[0]
    lowered = raw.lower()
    is_nested = lowered.count(b"boundary") + lowered.count(b"message/rfc822") > PARTS_MAX
    if len(raw) > MAIL_BYTES_MAX or is_nested or raw.count(b"\n") > LINES_MAX:
        return _describe(message_from_bytes(head, policy=policy.compat32), raw, "", (), "too large or too nested")
    try:
        message = message_from_bytes(raw, policy=policy.compat32)
        text, files = _read_parts(message)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        bare = message_from_bytes(head, policy=policy.compat32)
        return _describe(bare, raw, "", (MailFile("mail.eml", "message/rfc822", raw),), type(error).__name__)
    return _describe(message, raw, text, tuple(files), None)


def read_head(head: bytes, size_bytes: int) -> Mail:
    """Return what the head of a mail says that is too large to be fetched."""
    told = f"{size_bytes // (1024 * 1024)} MB"
    return _describe(message_from_bytes(head, policy=policy.compat32), head, "", (), told)


def spell_html(html: str) -> str:
    """Return the words of an HTML text."""
    reader = _Words()
    reader.feed(html[:HTML_MOST])
    lines = (" ".join(line.split()) for line in "".join(reader.found).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _describe(message: Message, raw: bytes, text: str, files: tuple[MailFile, ...], problem: str | None) -> Mail:
    ids = _MESSAGE_ID(_header(message, "Message-ID"))
    name, address = parseaddr(_header(message, "From"))
    references = _MESSAGE_ID(_header(message, "References", 8000)) + _MESSAGE_ID(_header(message, "In-Reply-To"))
    is_report = message.get_content_type() == "multipart/report"
    return Mail(
        digest=hashlib.sha256(ids[0].encode("utf-8", "replace") if ids else raw).hexdigest(),
        message_id=ids[0] if ids else None,
        references=tuple(dict.fromkeys(references))[-REFERENCES_MOST:],
        sender=address.strip()[:120],
        sender_name=name.strip()[:80],
        subject=_header(message, "Subject").strip()[:300],
        text=text[:TEXT_MOST].strip(),
        files=files,
        is_automatic=is_report or _is_automatic(message, address),
        is_bounce=is_report or _header(message, "Return-Path").strip() == "<>",
        problem=problem,
    )


def _is_automatic(message: Message, address: str) -> bool:
    submitted = _header(message, "Auto-Submitted").strip().lower()
    precedence = _header(message, "Precedence").strip().lower()
    return (
        (submitted not in ("", "no"))
        or precedence in _AUTOMATIC_PRECEDENCE
        or _header(message, "Return-Path").strip() == "<>"
        or any(name in message for name in ("List-Id", "X-Autoreply", "X-Autorespond", "X-Auto-Reply"))
        or _MACHINES.match(address) is not None
    )


def _read_parts(message: Message) -> tuple[str, list[MailFile]]:
    plain: list[str] = []
    html: list[str] = []
    files: list[MailFile] = []
    for part in message.walk():
        if part.is_multipart():
            continue
        data, name = _payload(part), _file_name(part)
        kind = part.get_content_type()
        is_words = part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment"
        if is_words and not name and kind in ("text/plain", "text/html"):
            words = _decode(data[: HTML_MOST * 4], part.get_content_charset() or "")
            (plain if kind == "text/plain" else html).append(words)
        elif data and len(files) < FILES_MAX:
            files.append(MailFile(name or _invent_name(kind, len(files)), kind[:100], data))
    words = "\n\n".join(plain).strip() or "\n\n".join(spell_html(page) for page in html)
    return clean(words), files


def _payload(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _file_name(part: Message) -> str:
    """Return the name of a part's file, without any path, and short; empty where it has none."""
    name = part.get_filename()
    if not name:
        return ""
    plain = clean(_decode_words(str(name)[:HEADER_MOST])).replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in plain if sign.isprintable()).strip(". ")[-FILE_NAME_MOST:]


def _invent_name(kind: str, number: int) -> str:
    ending = re.sub(r"[^a-z0-9]", "", kind.partition("/")[2])[:8] or "bin"
    return f"file-{number + 1}.{ending}"


def _header(message: Message, name: str, most: int = HEADER_MOST) -> str:
    return clean(_decode_words(str(message.get(name, ""))[:most])).replace("\n", " ").replace("\r", " ")


def _decode_words(value: str) -> str:
    """Return a header in clear (RFC 2047); what is encoded wrongly stays as it is."""
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    return "".join(
        piece if isinstance(piece, str) else _decode(piece, (charset or "").lower()) for piece, charset in pieces
    )


def _decode(data: bytes, charset: str) -> str:
    """Return a text; letters of other charsets than the header says are tried as UTF-8, then as Chinese."""
    if CHARSETS(charset.lower()):
        # What calls itself gb2312 is gbk more often than not.
        known = "gb18030" if charset.lower() in ("gb2312", "gbk") else charset
        return data.decode(codecs.lookup(known).name, "replace")
    for guess in ("utf-8", "gb18030"):
        try:
            return data.decode(guess)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "replace")


def clean(text: str) -> str:
    """Return a text without NUL, which no record holds, and without halves of letters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        if tag in _BLOCKS:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        if tag in _BLOCKS:
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.found.append(data)


def lines_of(text: str) -> Iterator[str]:
    """Yield the lines that the sender wrote himself, without those he answers to."""
    for line in text.splitlines():
        if re.match(r"\s*(>|-{2,}\s*(Original Message|原始邮件)|On .{5,80} wrote:|在.{5,80}写道[:：])", line):
            return
        yield line
