"""Mail comes in once and goes out once, over a real mailbox and a real relay, on both databases."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.problems import Refused
from server.keys import new_id
from server.services import mailbox, outgoing, requests, webhooks
from server.services.mail_reading import MAIL_BYTES_MAX
from server.services.mail_taking import spell_message_id
from server.services.notice_texts import tell_engineer
from server.services.notices import Teller
from server.services.requests import NewNote
from server.settings import Endpoint
from server.store.request_tables import MailTaken, OutboxRow
from tests.mail_servers import USER, free_port
from tests.server.builders import Firm, update
from tests.server.counter import CHEN, Counter, hurry, kill_at, set_mail, wait_for, write_mail

ROOT = Path(__file__).parents[2]
SENDER = """
import sys
from server.clock import unix_ms
from server.keys import open_office_key
from server.services import outgoing
from server.services.notice_texts import tell_engineer
from server.settings import read_settings
from server.store.database import open_engine

settings = read_settings()
outgoing.send_due(open_engine(settings.database_url), open_office_key(settings), settings.mail, sys.argv[1])
"""


def test_a_mail_becomes_a_request_once_with_its_files_and_is_answered(counter: Counter) -> None:
    mail = write_mail(text="MC12-0007 启动后有异响")
    mail.add_attachment(b"\xff\xd8\xffphoto", maintype="image", subtype="jpeg", filename="故障.jpg")
    counter.postbox.deliver(mail.as_bytes())

    found = (counter.look(), counter.look())
    counter.postbox.deliver(mail.as_bytes())
    again = counter.look()
    told = counter.tell()

    request = counter.request()
    (note,) = counter.firm.bodies("request_note")
    (answer,) = counter.postbox.mails_to(CHEN)
    assert found == ({"request": 1}, {}) and again == {"known": 1} and told == 1
    assert (request["channel"], request["email"], request["contact"]) == ("email", CHEN, "陈敏")
    assert request["machine_id"] == counter.firm.company.machine
    assert note["file_sha256"] == hashlib.sha256(b"\xff\xd8\xffphoto").hexdigest()
    assert counter.job.files.size(counter.firm.id, note["file_sha256"]) == 8
    assert (answer["In-Reply-To"], answer["Auto-Submitted"]) == (mail["Message-ID"], "auto-generated")
    assert request["number"] in answer.as_string() and "https://gongdan.example/follow/" in str(
        answer.get_payload(decode=True), "utf-8"
    )
    assert counter.look() == {"own": 1} and counter.tell() == 0


def test_answers_and_further_mails_go_to_the_same_request(counter: Counter) -> None:
    first = write_mail()
    counter.postbox.deliver(first.as_bytes())
    counter.look()
    counter.tell()
    (answer,) = counter.postbox.mails_to(CHEN)
    number = counter.request()["number"]

    counter.postbox.deliver(write_mail("Re: x", "还是不行\n\n> 请重启", References=answer["Message-ID"]).as_bytes())
    counter.postbox.deliver(write_mail("Re: y", "又来了", In_Reply_To=first["Message-ID"]).as_bytes())
    counter.postbox.deliver(write_mail(f"回复：[{number}]", "按号码").as_bytes())
    stranger = write_mail(f"[{number}]", "我是别人")
    stranger.replace_header("From", "mallory@elsewhere.example")
    counter.postbox.deliver(stranger.as_bytes())
    forged = f"<{counter.rows()[0].id.replace('-', '')}.{'0' * 12}@gongdan.example>"
    forger = write_mail("Re", "forged", References=forged)
    forger.replace_header("From", "mallory@elsewhere.example")
    counter.postbox.deliver(forger.as_bytes())

    outcomes = counter.look()

    own = next(request for request in counter.firm.bodies("request") if request["number"] == number)
    words = [note["words"] for note in counter.firm.bodies("request_note") if note["request_id"] == own["id"]]
    assert outcomes == {"own": 1, "addition": 3, "request": 2}
    assert words == ["还是不行", "又来了", "按号码"]


def test_what_programs_write_becomes_nothing_and_a_bounce_is_noted(counter: Counter) -> None:
    counter.postbox.deliver(write_mail().as_bytes())
    counter.look()
    counter.tell()
    (row,) = counter.rows()
    ours = spell_message_id(counter.firm.office.key, row.id, "gongdan.example")

    counter.postbox.deliver(write_mail("Away", "till Monday", Auto_Submitted="auto-replied").as_bytes())
    report = write_mail("Undelivered", f"Message {ours} could not be delivered", Return_Path="<>")
    counter.postbox.deliver(report.as_bytes())
    loop = write_mail("x", "y")
    loop.replace_header("From", USER)
    counter.postbox.deliver(loop.as_bytes())
    outcomes = counter.look()

    assert outcomes == {"own": 1, "automatic": 3}
    assert len(counter.firm.bodies("request")) == 1
    assert [(row.state, row.problem) for row in counter.rows()] == [("failed", "bounced")]


def test_hostile_mails_hold_up_nobody(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MAIL_BYTES_MAX", 100_000)
    bomb = b"".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n'.encode() for n in range(2000))
    head = f"From: {CHEN}\r\nMessage-ID: <bomb@x>\r\n".encode()
    counter.postbox.deliver(head + bomb)
    counter.postbox.deliver(f"From: {CHEN}\r\nMessage-ID: <huge@x>\r\nSubject: huge\r\n\r\n".encode() + b"x" * 200_000)
    counter.postbox.deliver(b"\x00\xff\xfe garbage without any head")
    nul = "From: mallory\\0@elsewhere.example\r\nSubject: =?utf-8?q?a=00b?=\r\nMessage-ID: <nul@x>\r\n\r\nx\0y\r\n"
    counter.postbox.deliver(nul.replace("\\0", "").encode())
    counter.postbox.deliver(write_mail("last").as_bytes())

    outcomes = counter.look()

    assert outcomes == {"request": 4, "automatic": 1}
    assert any("last" in request["symptom"] for request in counter.firm.bodies("request"))
    assert MAIL_BYTES_MAX > 100_000


def test_while_the_database_is_busy_a_mail_stays_and_comes_later(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.postbox.deliver(write_mail().as_bytes())

    def busy(*_all: Any, **_more: Any) -> None:
        raise Refused("database_busy")

    with monkeypatch.context() as failing:
        failing.setattr("server.services.requests.take_in", busy)
        with pytest.raises(Refused):
            counter.look()

    assert counter.firm.bodies("request") == []
    assert counter.look() == {"request": 1}


def test_the_customer_is_told_every_change_and_nothing_of_others(counter: Counter, other_firm: Firm) -> None:
    firm = counter.firm
    desk = (firm.engine, firm.office, firm.id, firm.company.dana)
    given = {"channel": "web", "language": "en", "email": CHEN, "symptom": "noise", "machine_id": firm.company.machine}
    taken = requests.take_in(*desk, {**given, "grade": "urgent"})
    counter.tell()
    requests.make_order(*desk, taken.id, {"engineer_id": firm.wei.person})
    counter.tell()
    order = firm.body(taken.id)["order_id"]
    at = "2026-12-01T06:00:00Z"
    firm.ensure(update("work_order", order, appointment_at=(None, at)), actor=firm.company.dana)
    counter.tell()
    firm.catch_up(firm.wei)
    firm.send(firm.wei, update("work_order", order, status=("assigned", "in_progress")))
    firm.send(firm.wei, update("work_order", order, status=("in_progress", "finished")))
    requests.add_notes(*desk, taken.id, [NewNote("Call me", author="office")])
    counter.tell()
    firm.ensure(update("work_order", order, phone=(None, "1")), actor=firm.company.dana)
    counter.tell()

    texts = [str(mail.get_payload(decode=True), "utf-8") for mail in counter.postbox.mails_to(CHEN)]
    told = [next(iter(text.splitlines())) for text in texts]
    number = firm.body(taken.id)["number"]
    assert told == [
        f"Your request {number} has been accepted.",
        f"A visit is being arranged for your request {number}.",
        f"Your request {number}: the time of the visit has changed.",
        f"Your request {number} is done; please rate it.",
        f"There is an answer to your request {number}.",
    ]
    assert "Engineer: 魏工" in texts[1] and "Expected arrival: 2026-12-01 14:00" in texts[2]
    assert "Answer: Call me" in texts[4]
    assert other_firm.rows(OutboxRow) == []


def test_the_engineer_is_told_of_an_order_that_becomes_his_or_is_taken_from_him(counter: Counter) -> None:
    firm = counter.firm
    for person, address in ((firm.wei.person, "wei@firm.example"), (firm.lin.person, "lin@firm.example")):
        firm.ensure(update("person", person, email=(None, address)))
    counter.tell()

    firm.ensure(update("work_order", firm.order, engineer_id=(firm.wei.person, firm.lin.person)))
    counter.tell()

    (to_lin,), (to_wei,) = counter.postbox.mails_to("lin@firm.example"), counter.postbox.mails_to("wei@firm.example")
    assert "MC12-0007" in str(to_lin.get_payload(decode=True), "utf-8")
    assert "MC12-0007" not in str(to_wei.get_payload(decode=True), "utf-8")


def test_what_the_relay_will_not_take_comes_later_or_is_given_up(counter: Counter) -> None:
    firm = counter.firm
    desk = (firm.engine, firm.office, firm.id, firm.company.dana)
    for address in ("later@lab.example", "never@lab.example", "two\naddresses@x.example", "plain"):
        requests.take_in(*desk, {"channel": "web", "symptom": "x", "email": address})
    answers = {"later@lab.example": "450 busy", "never@lab.example": "550 nobody"}
    counter.postbox.refuses = answers.get

    counter.tell()
    states = {row.recipient: (row.state, row.tries) for row in counter.rows()}
    counter.postbox.refuses = lambda _recipient: None
    hurry(firm)
    counter.tell()

    assert states == {"later@lab.example": ("waiting", 1), "never@lab.example": ("failed", 1)}
    assert {row.recipient: row.state for row in counter.rows()}["later@lab.example"] == "sent"


def test_nobody_is_flooded_by_what_somebody_else_reports(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "MAILS_A_DAY_MAX", 3)
    firm = counter.firm
    for _ in range(5):
        given = {"channel": "web", "symptom": "x", "email": CHEN}
        requests.take_in(firm.engine, firm.office, firm.id, firm.company.dana, given)

    counter.tell()

    assert len(counter.postbox.mails_to(CHEN)) == 3


def test_who_writes_waits_for_no_notice_and_two_who_follow_at_once_tell_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm = counter.firm
    firm.ensure(update("person", firm.lin.person, email=(None, "lin@firm.example")))
    counter.tell()
    gather, meanwhile = Teller._tell_of, replace(counter.job, _followed=-1)
    told: list[int] = []

    def interrupted(*given: Any) -> Any:
        if not told:
            told.append(0)
            # The office writes, and another process follows as far, while this one gathers.
            firm.ensure(update("work_order", firm.order, symptom=(firm.body(firm.order)["symptom"], "停机")))
            told.append(meanwhile.tell())
        return gather(*given)

    monkeypatch.setattr(Teller, "_tell_of", interrupted)
    firm.ensure(update("work_order", firm.order, engineer_id=(firm.wei.person, firm.lin.person)))

    assert (counter.tell(), told) == (0, [0, 1])
    assert len(counter.postbox.mails_to("lin@firm.example")) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_while_it_sends_loses_nothing_and_sends_nothing_twice(
    counter: Counter, moment: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm = counter.firm
    given = {"channel": "web", "symptom": "x", "email": CHEN}
    requests.take_in(firm.engine, firm.office, firm.id, firm.company.dana, given)
    counter.job.tell()
    environment = {**os.environ, **counter.postbox.environment, "GONGDAN_DATABASE": database_url}
    environment["GONGDAN_DATA"] = str(tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "tokens.secret").write_bytes(firm.office.key.token_secret)
    process = subprocess.Popen([sys.executable, "-c", SENDER, firm.id], cwd=ROOT, env=environment)
    kill_at(counter.postbox, process, moment)

    process.wait(60)
    left = counter.rows()[0].state
    again = counter.tell()
    if moment == "before":
        counter.look()
        hurry(firm)
        counter.tell()
    wait_for(lambda: bool(counter.look()) or counter.rows()[0].state == "sent")
    counter.tell()

    assert process.returncode == -signal.SIGKILL and (left, again) == ("sending", 0)
    assert len(counter.postbox.mails_to(CHEN)) == 1
    assert [row.state for row in counter.rows()] == ["sent"]


def test_webhooks_are_signed_as_the_standard_says_and_go_to_whom_they_concern(counter: Counter, listener: Any) -> None:
    firm, url = counter.firm, f"http://127.0.0.1:{listener.server_port}"
    endpoints = (
        Endpoint(f"{url}/all"),
        Endpoint(f"{url}/chen", "customer", firm.company.chen),
        Endpoint(f"{url}/other", "customer", new_id()),
        Endpoint(f"{url}/lin", "engineer", firm.lin.person),
    )
    set_mail(counter, webhooks=endpoints)
    listener.answers = [503]
    given = {"channel": "web", "symptom": "x", "machine_id": firm.company.machine, "email": CHEN, "grade": "general"}
    taken = requests.take_in(firm.engine, firm.office, firm.id, firm.company.dana, given)
    counter.tell()
    requests.make_order(
        firm.engine, firm.office, firm.id, firm.company.dana, taken.id, {"engineer_id": firm.lin.person}
    )
    hurry(firm)
    counter.tell()

    got = [(path, json.loads(body)["type"]) for path, _, body in listener.seen]
    assert sorted(set(got)) == [
        *(("/all", "order.assigned"), ("/all", "request.accepted"), ("/all", "request.ordered")),
        *(("/chen", "request.accepted"), ("/chen", "request.ordered"), ("/lin", "order.assigned")),
    ]
    again = [headers["webhook-id"] for path, headers, body in listener.seen if b"accepted" in body and path == "/all"]
    ids = {headers["webhook-id"] for _, headers, _ in listener.seen}
    assert len(listener.seen) == len(ids) + 1 and len(again) in (1, 2)
    for path, headers, body in listener.seen:
        secret = base64.b64decode(webhooks.secret_of(firm.office.key, url + path).removeprefix("whsec_"))
        said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = base64.b64encode(hmac.new(secret, said, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{mac}"
        assert re.fullmatch(r"msg_[0-9a-f-]{36}", headers["webhook-id"])


def test_the_job_does_all_of_it_by_itself(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.jobs.TELL_EVERY_S", 0.02)
    counter.job.start()
    counter.postbox.deliver(write_mail().as_bytes())

    wait_for(lambda: {row.outcome for row in counter.firm.rows(MailTaken)} >= {"request", "own"})
    counter.job.stop()

    assert len(counter.postbox.mails_to(CHEN)) == 1
    assert [row.state for row in counter.rows()] == ["sent"]


def test_a_mailbox_that_is_away_is_said_and_waited_for(counter: Counter) -> None:
    away = replace(counter.job.settings.mail.mailbox, port=free_port())  # type: ignore[type-var]
    wrong = replace(counter.job.settings.mail.mailbox, password="wrong")  # type: ignore[type-var]

    for server in (away, wrong):
        set_mail(counter, mailbox=server)
        with pytest.raises(mailbox.MailboxAway):
            counter.look()


def test_a_letter_tells_times_by_the_clock_of_the_office() -> None:
    facts = {"number": "GD-1", "appointment_at": "2026-03-02T01:30:00Z"}

    _, text = tell_engineer("order.assigned", facts, ZoneInfo("America/New_York"))

    assert "Appointment: 2026-03-01 20:30" in text
