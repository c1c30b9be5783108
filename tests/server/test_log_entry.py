"""What happened to a change-set is told by its place in the log or by its device and number, also while it waits."""

from __future__ import annotations

import pytest

from schemas.problems import Refused
from server.request_trace import begin_trace
from server.services.log_entry import read_entry, read_set
from server.store.database import reading
from tests.server.builders import Firm, photo, update


def test_a_refused_set_is_told_with_its_trace_and_reasons(firm: Firm) -> None:
    trace = begin_trace(None).trace_id
    change = update("customer", firm.company.chen, name=("陈氏实验室", "改"))
    answer = firm.send(firm.wei, photo(firm.order), change)

    with reading(firm.engine) as connection:
        story = read_entry(connection, firm.id, answer.position or 0)
        same = read_set(connection, firm.id, firm.wei.id, answer.seq)

    assert story == same
    assert (story["trace"], story["verdict"], story["position"]) == (trace, "refused", answer.position)
    assert (story["device"], story["actor_name"], story["intent"]) == (firm.wei.id, "魏工", "test.act")
    assert [told["fault"]["code"] for told in story["changes"]] == ["set_refused", "writer_not_allowed"]
    assert story["changes"][1]["fault"]["zh"] and story["changes"][1]["id"] == change.id


def test_a_set_that_waits_is_told(firm: Firm) -> None:
    firm.wei.seal("photo.take", photo(firm.order))
    firm.push(firm.wei.seal("photo.take", photo(firm.order)))

    with reading(firm.engine) as connection:
        story = read_set(connection, firm.id, firm.wei.id, firm.wei.seq)

    assert (story["verdict"], story["position"], story["changes"][0]["verdict"]) == ("held", None, "held")


def test_what_nobody_handed_in_is_not_found(firm: Firm, other_firm: Firm) -> None:
    answer = firm.send(firm.wei, photo(firm.order))

    with reading(firm.engine) as connection:
        for look in (
            lambda: read_entry(connection, firm.id, 10**6),
            lambda: read_set(connection, firm.id, firm.wei.id, 99),
            lambda: read_set(connection, other_firm.id, firm.wei.id, answer.seq),
        ):
            with pytest.raises(Refused, match="not_found"):
                look()
