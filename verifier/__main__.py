"""gongdan-verify: checks a dossier, an exported log or a job sheet's code, offline.

Exit status: 0 all good; 1 something is wrong; 2 wrong use, or a file cannot be opened; 3 nothing is wrong, but the
office's key was not compared with one the reader holds.
"""

from __future__ import annotations

import argparse
import json
import locale
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from verifier.dossier import Dossier
from verifier.exported_log import LogReader
from verifier.findings import Outcome
from verifier.notes import fingerprint
from verifier.report import describe_dossier, describe_log, spell
from verifier.sheet import SheetCode, check_code, read_code

KEY_DIGITS = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        code = read_code(Path(options.sheet).read_text("utf-8")) if options.sheet else None
        outcome = _check(Path(options.file), options, code)
    except (OSError, UnicodeDecodeError) as error:
        print(f"gongdan-verify: {error}", file=sys.stderr)
        return 2
    if options.sheet and code is None:
        outcome.find("code_unreadable", options.sheet)
    if options.as_json:
        print(json.dumps(_document_of(outcome), ensure_ascii=False, indent=1))
    else:
        print("\n".join(spell(outcome, options.language)))
    return outcome.status


def _check(path: Path, options: argparse.Namespace, code: SheetCode | None) -> Outcome:
    with path.open("rb") as file:
        is_archive = file.read(2) == b"PK"
    outcome = Outcome("dossier" if is_archive else "log")
    if is_archive:
        dossier = Dossier(outcome)
        dossier.read(path.read_bytes())
        describe_dossier(dossier)
        key, organisation, sheets = dossier.key, str(dossier.manifest.get("organisation")), dossier.sheets()
        end = dossier.checkpoint
        seen = dossier.prefixes | ({(end.size, end.root)} if end else set())

        def begins_with(size: int, root: bytes) -> bool:
            return (size, root) in seen
    else:
        reader = LogReader(outcome)
        with path.open("rb") as file:
            reader.read(file)
        describe_log(reader)
        key, sheets = (reader.trust.office_key, reader.sheets) if reader.trust else (b"", {})
        organisation = reader.trust.organisation if reader.trust else ""

        def begins_with(size: int, root: bytes) -> bool:
            return reader.root_at(size) == root

    _compare_key(outcome, options, key)
    if code is not None:
        if code.organisation != organisation:
            outcome.find("organisation_differs", f"sheet {code.job_sheet}")
        # Paper that the reader held all along vouches for the key that signed it.
        if check_code(outcome, code, key, sheets, begins_with) is not None:
            outcome.is_anchored = True
            zh, en = (
                "纸上的二维码与日志一致，其检查点由同一密钥签名",
                "the code on paper agrees with the log, signed by the same key",
            )
            outcome.shown.append((zh, en))
    return outcome


def _compare_key(outcome: Outcome, options: argparse.Namespace, key: bytes) -> None:
    held = [(options.key, key.hex()), (options.fingerprint, fingerprint(key))]
    for given, found in held:
        if given is not None:
            outcome.is_anchored = True
            if given.strip().lower() != found:
                outcome.find("key_differs", "key", found)


def _document_of(outcome: Outcome) -> dict[str, object]:
    return {
        "kind": outcome.kind,
        "status": outcome.status,
        "holds": outcome.holds,
        "is_anchored": outcome.is_anchored,
        "findings": [{"code": it.code, "place": it.place, "detail": it.detail} for it in outcome.findings],
        "facts": outcome.facts,
    }


def _digits(text: str) -> str:
    if len(text.strip()) != KEY_DIGITS or set(text.strip().lower()) - set("0123456789abcdef"):
        raise argparse.ArgumentTypeError("64 hexadecimal digits")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gongdan-verify",
        description="离线核验档案、导出的日志与服务报告的二维码。"
        " / Check a dossier, an exported log or a job sheet's code, offline.",
    )
    parser.add_argument("file", help="档案（.zip）或导出的日志 / a dossier (.zip) or an exported log")
    parser.add_argument("--key", type=_digits, help="您所持有的办公室公钥 / the office's public key that you hold")
    parser.add_argument("--fingerprint", type=_digits, help="其 SHA-256 / its SHA-256")
    parser.add_argument(
        "--sheet", metavar="FILE", help="存有二维码内容的文件 / a file with the text of a job sheet's code"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="输出 JSON / print JSON")
    parser.add_argument("--language", choices=("zh", "en"), default=_language())
    return parser


def _language() -> str:
    spoken = os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or ""
    return "zh" if spoken.startswith("zh") else "en"


if __name__ == "__main__":
    sys.exit(main())
