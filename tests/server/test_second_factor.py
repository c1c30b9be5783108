"""A second factor on both databases: codes of RFC 6238, each taken once, and recovery codes."""

from __future__ import annotations

import threading

import pyotp
import pytest

from schemas.problems import Refused
from server.clock import telling
from server.keys import OfficeKey
from server.services import second_factor
from server.services.second_factor import RECOVERY_CODES, STEP_S
from server.store.database import reading, writing
from server.store.tables import RecoveryCode, SecondFactor
from tests.server.builders import Firm

START_MS = 1_900_000_000_000


class Wrist:
    """A watch that is set by hand."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


def code_at(secret: str, ms: int) -> str:
    return pyotp.TOTP(secret).at(ms // 1000)


def set_up(firm: Firm, key: OfficeKey, watch: Wrist) -> tuple[str, list[str]]:
    """Set Dana's generator up; return its secret and her recovery codes."""
    with writing(firm.engine) as connection:
        generator = second_factor.begin(connection, key, firm.id, firm.company.dana, "dana")
        codes = second_factor.confirm(connection, key, firm.id, firm.company.dana, code_at(generator.secret, watch.ms))
    watch.ms += STEP_S * 1000
    return generator.secret, codes


def take(firm: Firm, key: OfficeKey, code: str) -> str:
    """Return what a code of Dana's was, or the code of the refusal."""
    try:
        with writing(firm.engine) as connection:
            return second_factor.take(connection, key, firm.id, firm.company.dana, code)
    except Refused as refused:
        return refused.code


def test_the_codes_are_those_of_the_standard() -> None:
    # Source: RFC 6238 appendix B, its eight digits cut to the last six; the secret is that of the appendix.
    generator = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")

    assert [generator.at(at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


def test_a_generator_counts_from_its_first_code_on(firm: Firm, office_key: OfficeKey) -> None:
    watch = Wrist()
    with telling(watch), writing(firm.engine) as connection:
        first = second_factor.begin(connection, office_key, firm.id, firm.company.dana, "dana")
        again = second_factor.begin(connection, office_key, firm.id, firm.company.dana, "dana")
        with pytest.raises(Refused, match="second_factor_wrong"):
            second_factor.confirm(connection, office_key, firm.id, firm.company.dana, "000000")
        before = second_factor.is_set(connection, firm.id, firm.company.dana)
        second_factor.confirm(connection, office_key, firm.id, firm.company.dana, code_at(first.secret, watch.ms))
        after = second_factor.is_set(connection, firm.id, firm.company.dana)
        with pytest.raises(Refused, match="second_factor_set"):
            second_factor.begin(connection, office_key, firm.id, firm.company.dana, "dana")

    assert first == again and first.address.startswith("otpauth://totp/") and first.secret in first.address
    assert (before, after) == (False, True)


def test_a_code_is_taken_once_and_only_around_its_time(firm: Firm, office_key: OfficeKey) -> None:
    watch = Wrist()
    with telling(watch):
        secret, _codes = set_up(firm, office_key, watch)
        old, early = code_at(secret, watch.ms - 90_000), code_at(secret, watch.ms + 90_000)
        code = code_at(secret, watch.ms)
        spaced = f" {code[:3]} {code[3:]} "

        answers = [take(firm, office_key, one) for one in (old, early, spaced, code)]
        watch.ms += STEP_S * 1000
        late = take(firm, office_key, code)
        following = take(firm, office_key, code_at(secret, watch.ms))

    assert answers == ["second_factor_wrong", "second_factor_wrong", "totp", "second_factor_wrong"]
    assert (late, following) == ("second_factor_wrong", "totp")


def test_of_many_who_bring_one_code_at_once_one_is_let_in(firm: Firm, office_key: OfficeKey) -> None:
    watch = Wrist()
    with telling(watch):
        secret, codes = set_up(firm, office_key, watch)
        for code in (code_at(secret, watch.ms), codes[0]):
            answers: list[str] = []
            together = threading.Barrier(4)

            def bring(code: str = code, answers: list[str] = answers, together: threading.Barrier = together) -> None:
                together.wait()
                answers.append(take(firm, office_key, code))

            threads = [threading.Thread(target=bring) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

            assert len(answers) == 4 and answers.count("second_factor_wrong") == 3


def test_each_recovery_code_opens_once_however_it_is_typed(firm: Firm, office_key: OfficeKey) -> None:
    watch = Wrist()
    with telling(watch):
        _secret, codes = set_up(firm, office_key, watch)
        answers = [take(firm, office_key, one) for one in (codes[0], codes[0], codes[1].lower().replace("-", " "))]
        with writing(firm.engine) as connection:
            renewed = second_factor.renew_codes(connection, firm.id, firm.company.dana)
        after = [take(firm, office_key, one) for one in (codes[2], renewed[2])]

    assert len(set(codes)) == RECOVERY_CODES
    assert answers == ["recovery", "second_factor_wrong", "recovery"]
    assert after == ["second_factor_wrong", "recovery"]


@pytest.mark.parametrize(
    "code", ["", "0", "12345", "1234567", "١٢٣٤٥٦", "\0\0\0\0\0\0", "\ud800", "A" * 16, "x" * 5000]
)
def test_what_is_no_code_opens_nothing(firm: Firm, office_key: OfficeKey, code: str) -> None:
    watch = Wrist()
    with telling(watch):
        set_up(firm, office_key, watch)

        assert take(firm, office_key, code) == "second_factor_wrong"


def test_neither_secret_nor_codes_lie_open_in_the_database(firm: Firm, office_key: OfficeKey) -> None:
    watch = Wrist()
    with telling(watch):
        secret, codes = set_up(firm, office_key, watch)

    stored = " ".join(str(row) for model in (SecondFactor, RecoveryCode) for row in firm.rows(model))
    assert secret not in stored and secret.encode().hex() not in stored
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


def test_another_companys_factor_is_another(firm: Firm, other_firm: Firm, office_key: OfficeKey) -> None:
    watch = Wrist()
    with telling(watch):
        secret, codes = set_up(firm, office_key, watch)
        for code in (code_at(secret, watch.ms), codes[0]):
            with pytest.raises(Refused, match="second_factor_missing"), writing(firm.engine) as connection:
                second_factor.take(connection, office_key, other_firm.id, firm.company.dana, code)
        with reading(firm.engine) as connection:
            assert not second_factor.is_set(connection, other_firm.id, firm.company.dana)
