"""Mails by strangers are read into plain values: any charset, any form; the hostile ones cost little and do nothing."""

from __future__ import annotations

from email.message import EmailMessage
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.services.mail_reading import FILES_MAX, LINES_MAX, PARTS_MAX, lines_of, read_mail, spell_html

HEAD = b"From: =?utf-8?B?6ZmI5pWP?= <chen@lab.example>\r\nMessage-ID: <1@lab.example>\r\nSubject: help\r\n"


def part(boundary: str, *bodies: bytes) -> bytes:
    """Return a multipart body."""
    line = b"--" + boundary.encode()
    return b"".join(line + b"\r\n" + body + b"\r\n" for body in bodies) + line + b"--\r\n"


def test_words_and_files_of_a_usual_mail_are_found() -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "陈敏 <chen@lab.example>", "离心机异响", "<2@lab.example>"
    mail["References"] = "<0@office> <1@lab.example>"
    mail.set_content("启动后有异响")
    mail.add_alternative("<p>启动后<b>有异响</b></p>", subtype="html")
    mail.add_attachment(b"\xff\xd8\xff", maintype="image", subtype="jpeg", filename="../../照片.jpg")

    read = read_mail(mail.as_bytes())

    assert (read.sender, read.sender_name, read.subject) == ("chen@lab.example", "陈敏", "离心机异响")
    assert read.text == "启动后有异响" and read.language == "zh" and not read.is_automatic
    assert [(file.name, file.media_type, file.data) for file in read.files] == [
        ("照片.jpg", "image/jpeg", b"\xff\xd8\xff")
    ]
    assert read.references == ("<0@office>", "<1@lab.example>")


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("gb2312", "gb18030"), ("GBK", "gbk"), ("big5", "big5"), ("utf-16", "utf-16"), ("", "utf-8"), ("", "gb18030")],
)
def test_the_charsets_of_real_mails_are_read(charset: str, codec: str) -> None:
    said = "離心機" if codec == "big5" else "离心机"
    named = f'Content-Type: text/plain; charset="{charset}"\r\n\r\n' if charset else "\r\n"

    assert read_mail(HEAD + named.encode() + said.encode(codec)).text == said


@pytest.mark.parametrize(
    "charset", ["rot13", "zlib", "unicode_escape", "idna", "punycode", "x-unknown", "../etc", "undefined"]
)
def test_a_charset_that_is_none_is_not_asked(charset: str) -> None:
    named = f'Content-Type: text/plain; charset="{charset}"\r\nSubject: =?{charset}?Q?x=41?=\r\n\r\n'

    assert read_mail(HEAD + named.encode() + "坏了 \\u0041".encode()).text == "坏了 \\u0041"


def test_of_html_the_words_are_kept_and_nothing_else() -> None:
    page = (
        "<html><head><title>t</title><style>p{background:url(http://spy.example)}</style></head><body>"
        "<script>alert(1)</script><p>First &lt;b&gt;</p><img src='http://spy.example/1.gif' onerror=x>"
        "<div>second<br>third</div></body>"
    )

    read = read_mail(HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + page.encode())

    assert read.text.split() == ["First", "<b>", "second", "third"]
    assert spell_html("<b" * 100) == "" and spell_html("&#0;&#xd800;x")


def test_what_would_take_long_is_not_unfolded() -> None:
    nested = b"".join(
        f'Content-Type: multipart/mixed; boundary="b{depth}"\r\n\r\n--b{depth}\r\n'.encode() for depth in range(3000)
    )
    mails = b"Content-Type: message/rfc822\r\n\r\n" * 3000
    wide = HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\n" * 100_000
    lines = HEAD + b"\r\n" + b"\n" * (LINES_MAX + 1)
    header = HEAD + b"References: " + b"<a@b> " * 400_000 + b"\r\nSubject: " + b"=?utf-8?q?a?= " * 200_000 + b"\r\n\r\n"
    begun = process_time()

    bombs = [read_mail(HEAD + nested), read_mail(HEAD + mails), read_mail(lines)]
    wide_read, header_read = read_mail(wide), read_mail(header)

    assert process_time() - begun < 20
    assert [bomb.problem for bomb in bombs] == ["too large or too nested"] * 3
    assert all(mail.sender == "chen@lab.example" for mail in (*bombs, wide_read, header_read))


def test_files_have_a_limit_and_names_no_path() -> None:
    many = [b'Content-Disposition: attachment; filename="a\\b/c.txt"\r\n\r\nx' for _ in range(PARTS_MAX - 10)]
    mail = HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + part("b", *many)
    odd = b"Content-Disposition: attachment; filename*=x-no''%00%2e%2e%2fpasswd\r\n\r\nx"

    assert [file.name for file in read_mail(mail).files] == ["c.txt"] * FILES_MAX
    (file,) = read_mail(HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + part("b", odd)).files
    assert "/" not in file.name and "\x00" not in file.name


@pytest.mark.parametrize(
    ("line", "is_automatic"),
    [
        (b"Auto-Submitted: auto-replied", True),
        (b"Auto-Submitted: no", False),
        (b"Precedence: bulk", True),
        (b"X-Autoreply: yes", True),
        (b"Return-Path: <>", True),
        (b"Content-Type: multipart/report; report-type=delivery-status", True),
        (b"From: MAILER-DAEMON@mx.example", True),
        (b"List-Id: <all.example>", True),
        (b"X-Mailer: Foxmail", False),
    ],
)
def test_what_a_program_wrote_by_itself_is_known(line: bytes, is_automatic: bool) -> None:
    assert read_mail(line + b"\r\n" + HEAD + b"\r\nI am away").is_automatic is is_automatic


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_kept_as_they_are(raw: bytes) -> None:
    for mail in (read_mail(raw), read_mail(HEAD + b"Content-Type: " + raw)):
        for text in (mail.text, mail.subject, mail.sender, mail.sender_name, *(file.name for file in mail.files)):
            assert "\x00" not in text
            text.encode("utf-8")


def test_a_mail_without_an_id_is_known_by_its_bytes() -> None:
    first, again, other = (read_mail(b"From: a@b.example\r\n\r\n" + words) for words in (b"x", b"x", b"y"))

    assert first.digest == again.digest != other.digest


def test_what_is_quoted_is_left_out() -> None:
    assert list(lines_of("还是不行\n\n> 请重启\n> 再试")) == ["还是不行", ""]
    assert list(lines_of("no\nOn Mon, 1 Jan 2026 service@x.example wrote:\n> a")) == ["no"]
