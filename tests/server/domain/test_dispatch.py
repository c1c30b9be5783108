"""Whom the rules send: by examples of the handbook, and by what holds for any fleet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.people import LEVELS
from server.domain.dispatch import (
    Candidate,
    Commitment,
    Engineer,
    HeldSkill,
    Job,
    Place,
    distance_km,
    judge,
    rank,
)
from server.domain.dispatch_reasons import EXCLUDING, SENTENCES
from server.domain.fleet import SILENT_HOURS
from server.domain.timetable import OFFICE_SHIFTS, PLACE_TIME, Shift, Window, Workdays

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=PLACE_TIME)
SHANGHAI, SUZHOU, BEIJING = Place(31.2304, 121.4737), Place(31.2990, 120.5853), Place(39.9042, 116.4074)


def hours(start: float, length: float = 2) -> Window:
    """Return a window some hours after Monday 9 o'clock."""
    begins = MONDAY + timedelta(hours=start)
    return Window(begins, begins + timedelta(hours=length))


def skilled(level: str = "senior", **more: str) -> tuple[HeldSkill, ...]:
    """Return the skill for the machine of the job."""
    return (HeldSkill("lathe", level, **more),)


WEI = Engineer("wei", ("卫工", "Wei"), skilled(), SHANGHAI, contacted_at=MONDAY)
LIN = replace(WEI, id="lin", name=("林工", "Lin"))
JOB = Job("repair", "urgent", 120, "lathe", place=SHANGHAI, window=hours(1))


def codes(candidate: Candidate) -> set[str]:
    """Return the codes of a candidate's reasons."""
    return {reason.code for reason in candidate.reasons}


def first(job: Job, *engineers: Engineer) -> str:
    """Return who is ranked first."""
    return rank(job, engineers, MONDAY)[0].engineer.id


@pytest.mark.parametrize(
    ("grade", "wanted"), [("urgent", "senior"), ("important", "intermediate"), ("general", "junior")]
)
def test_hard_faults_go_to_seniors_and_simple_ones_to_juniors(grade: str, wanted: str) -> None:
    crew = [replace(WEI, id=level, skills=skilled(level)) for level in LEVELS]

    assert first(replace(JOB, grade=grade), *crew) == wanted


def test_a_junior_is_not_sent_to_a_hard_fault() -> None:
    found = judge(JOB, replace(WEI, skills=skilled("junior")), MONDAY)

    assert found.is_excluded and "skill_far_below" in codes(found)


def test_an_expired_certificate_excludes_with_its_date() -> None:
    expired = replace(WEI, skills=skilled(certificate="C-7", certificate_until="2026-11-22"))

    found = judge(JOB, expired, MONDAY)

    assert found.is_excluded
    assert next(r for r in found.reasons if r.excludes).sentence("en") == "Certificate C-7 expired on 2026-11-22."
    assert not judge(JOB, replace(WEI, skills=skilled(certificate_until="2026-11-23")), MONDAY).is_excluded


def test_a_skill_for_another_component_is_none() -> None:
    turret = replace(WEI, skills=skilled(component="刀塔"))

    assert "no_skill" in codes(judge(replace(JOB, component="主轴"), turret, MONDAY))
    assert "skill" in codes(judge(replace(JOB, component="刀塔"), turret, MONDAY))


@pytest.mark.parametrize(("finished", "is_new"), [(None, False), (0, True), (29, True), (30, False)])
def test_a_new_engineer_goes_with_a_master(finished: int | None, is_new: bool) -> None:
    new = replace(WEI, finished=finished)

    alone, led = judge(JOB, new, MONDAY), judge(JOB, replace(new, master=LIN), MONDAY)

    assert alone.is_excluded is is_new and not led.is_excluded
    assert ("with_master" in codes(led)) is is_new


def test_a_masters_level_and_time_count_for_who_goes_with_him() -> None:
    new = replace(WEI, finished=3, skills=skilled("junior"))
    away = replace(LIN, absences=(hours(0),))
    busy = replace(LIN, commitments=(Commitment(hours(0), "GD1"),))

    assert not judge(JOB, replace(new, master=LIN), MONDAY).is_excluded
    assert "master_away" in codes(judge(JOB, replace(new, master=away), MONDAY))
    assert "master_busy" in codes(judge(JOB, replace(new, master=busy), MONDAY))


def test_absence_excludes_and_overlap_counts_against() -> None:
    absent = replace(WEI, absences=(hours(0, 4),))
    taken = replace(LIN, commitments=(Commitment(hours(2), "GD260001"),))

    assert judge(JOB, absent, MONDAY).is_excluded
    assert "Overlaps with GD260001." in [reason.sentence("en") for reason in judge(JOB, taken, MONDAY).reasons]
    assert first(JOB, taken, replace(WEI, id="zhao")) == "zhao"


def test_parts_on_the_van_and_a_device_that_calls_count() -> None:
    job = replace(JOB, parts=(("motor", 1), ("belt", 2)))
    stocked = replace(WEI, stock={"motor": 1, "belt": 2})

    assert first(job, LIN, stocked, replace(LIN, id="sun", stock={"motor": 1, "belt": 1})) == "wei"
    silent = replace(WEI, contacted_at=MONDAY - timedelta(hours=SILENT_HOURS))
    assert "silent" in codes(judge(JOB, silent, MONDAY)) and first(JOB, silent, LIN) == "lin"
    assert "no_device" in codes(judge(JOB, replace(WEI, contacted_at=None), MONDAY))


def test_without_a_time_each_gets_his_first_room_and_the_limit_is_looked_at() -> None:
    job = replace(JOB, window=None, due_at=MONDAY + timedelta(hours=3))
    busy = replace(WEI, commitments=(Commitment(hours(0, 4), "GD1"),))

    free, late = judge(job, LIN, MONDAY), judge(job, busy, MONDAY)

    assert free.window == hours(0) and "in_time" in codes(free)
    assert late.window == hours(4) and "60 minutes after the time limit on site." in [
        reason.sentence("en") for reason in late.reasons
    ]


def test_distances_are_those_of_an_atlas() -> None:
    assert distance_km(SHANGHAI, BEIJING) == pytest.approx(1067, rel=0.005)
    assert distance_km(SHANGHAI, SUZHOU) == pytest.approx(85, rel=0.01)
    assert distance_km(Place(0, 179.5), Place(0, -179.5)) == pytest.approx(111.2, rel=0.005)


def test_every_reason_has_a_sentence_in_two_languages() -> None:
    assert SENTENCES.keys() > EXCLUDING
    for zh, en in SENTENCES.values():
        assert zh.endswith("。") and en.endswith(".") and zh.count("{") == en.count("{")


coordinates = st.builds(Place, st.floats(-80, 80), st.floats(-180, 180))
windows = st.builds(hours, st.integers(-8, 90), st.sampled_from([1, 2, 5, 30]))
commitments = st.lists(st.builds(Commitment, windows, st.just("GD1")), max_size=4).map(tuple)
shifts = st.sampled_from([OFFICE_SHIFTS, (Shift(frozenset({1, 3, 6}), time(6), time(14)),), ()])
engineers = st.builds(
    Engineer,
    st.sampled_from("abcdef"),
    st.just(("某", "Some")),
    st.lists(
        st.builds(
            HeldSkill,
            st.sampled_from(["lathe", "mill"]),
            st.sampled_from(LEVELS),
            certificate_until=st.sampled_from([None, "2026-11-01", "2026-11-24", "2030-01-01"]),
        ),
        max_size=2,
    ).map(tuple),
    place=st.none() | coordinates,
    shifts=shifts,
    absences=st.lists(windows, max_size=2).map(tuple),
    commitments=commitments,
    stars=st.sampled_from([None, 3, 5]),
    finished=st.sampled_from([None, 3, 40]),
    master=st.sampled_from([None, LIN]),
    contacted_at=st.sampled_from([None, MONDAY, MONDAY - timedelta(days=2)]),
)
jobs = st.builds(
    Job,
    st.sampled_from(["repair", "maintenance", "installation"]),
    st.sampled_from(["urgent", "important", "general"]),
    st.sampled_from([30, 120, 600, 2000]),
    st.sampled_from([None, "lathe"]),
    place=st.none() | coordinates,
    window=st.none() | windows,
    due_at=st.sampled_from([None, MONDAY + timedelta(hours=3)]),
)


@given(jobs, st.lists(engineers, max_size=5))
def test_whoever_is_excluded_never_comes_before_somebody_who_is_not(job: Job, crew: list[Engineer]) -> None:
    ranked = [candidate.is_excluded for candidate in rank(job, crew, MONDAY)]

    assert ranked == sorted(ranked) and len(ranked) == len(crew)


@given(jobs, engineers, st.floats(0, 20), st.floats(0, 20))
def test_further_away_never_ranks_higher_all_else_equal(job: Job, engineer: Engineer, one: float, other: float) -> None:
    near, far = sorted((one, other))
    site = Place(0, 0)
    crew = [replace(engineer, id=name, place=Place(0, at)) for name, at in (("far", far), ("near", near))]

    ranked = rank(replace(job, place=site), crew, MONDAY)

    assert (
        near == far
        or distance_km(Place(0, near), site) == distance_km(Place(0, far), site)
        or [candidate.engineer.id for candidate in ranked] == ["near", "far"]
    )


@given(jobs, st.lists(engineers, max_size=5, unique_by=lambda engineer: engineer.id))
def test_the_order_of_the_question_does_not_matter(job: Job, crew: list[Engineer]) -> None:
    assert rank(job, crew, MONDAY) == rank(job, crew[::-1], MONDAY.astimezone(UTC))


@given(jobs, engineers)
def test_more_work_never_ranks_higher(job: Job, engineer: Engineer) -> None:
    busier = replace(engineer, commitments=(*engineer.commitments, Commitment(job.window or hours(0, 1), "GD9")))

    idle, busy = judge(job, engineer, MONDAY), judge(job, busier, MONDAY)

    assert (busy.is_excluded, -busy.points) >= (idle.is_excluded, -idle.points)


@given(jobs, engineers)
def test_the_room_that_is_offered_is_free_and_ahead(job: Job, engineer: Engineer) -> None:
    found = judge(replace(job, window=None), engineer, MONDAY)

    if found.window is not None:
        assert found.window.start >= MONDAY and found.window.minutes == job.minutes
        first_day = Window(found.window.start, min(found.window.end, found.window.start + timedelta(hours=1)))
        assert not any(first_day.meets(taken) for taken in engineer.busy)


def test_who_is_asked_for_on_a_public_holiday_is_told_its_name() -> None:
    days = Workdays(holidays={MONDAY.date(): ("元旦", "New Year")})
    job = replace(JOB, window=Window(MONDAY, MONDAY + timedelta(hours=1)), days=days)

    found, usual = judge(job, WEI, MONDAY), judge(replace(job, days=Workdays()), WEI, MONDAY)

    assert {"holiday", "outside_hours"} <= set(codes(found)) and found.points < usual.points
    assert "2026-11-23 is a public holiday: New Year." in [reason.sentence("en") for reason in found.reasons]
