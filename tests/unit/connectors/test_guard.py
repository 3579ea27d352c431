"""A breaker opens for systems that fail, not for students whose answers fail."""

from __future__ import annotations

from app.connectors.client import Breaker, BreakerState


def failed_breaker() -> Breaker:
    breaker = Breaker(failures=4, pause_seconds=2)
    for number in "abca":
        assert breaker.admit(0)
        breaker.note_failure(number, 0)
    return breaker


def test_it_opens_after_failures_in_a_row_about_several_students() -> None:
    breaker = failed_breaker()
    assert breaker.state is BreakerState.OPEN
    assert not breaker.admit(1.9)


def test_one_student_alone_never_opens_it() -> None:
    breaker = Breaker(failures=4, pause_seconds=2)
    for _ in range(100):
        breaker.note_failure("a", 0)
    assert breaker.state is BreakerState.CLOSED
    assert breaker.admit(0)


def test_a_success_in_between_keeps_it_closed() -> None:
    breaker = Breaker(failures=4, pause_seconds=2)
    for number in "abcdefgh":
        breaker.note_failure(number, 0)
        if number in "cf":
            breaker.note_success()
    assert breaker.state is BreakerState.CLOSED


def test_after_the_pause_one_trial_goes_out_and_its_success_closes_it() -> None:
    breaker = failed_breaker()
    assert breaker.admit(2)
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.admit(2)
    assert breaker.is_refusing(100)
    breaker.note_success()
    assert breaker.state is BreakerState.CLOSED
    assert breaker.admit(2)


def test_a_failed_trial_opens_it_for_another_pause() -> None:
    breaker = failed_breaker()
    assert breaker.admit(2)
    breaker.note_failure("a", 2.5)
    assert not breaker.admit(4.4)
    assert breaker.admit(4.5)


def test_an_operator_reads_how_the_system_does() -> None:
    breaker = Breaker(failures=4, pause_seconds=40)
    told = [breaker.describe(0)]
    breaker.note_success()
    told.append(breaker.describe(0))
    for number in "abca":
        breaker.admit(0)
        breaker.note_failure(number, 0)
        told.append(breaker.describe(0))
    told += [breaker.describe(0.5), breaker.describe(39.9), breaker.describe(40)]
    breaker.admit(40)
    told.append(breaker.describe(40))
    breaker.note_success()
    assert [*told, breaker.describe(41)] == [
        "not asked yet",
        "answers",
        "did not answer 1 time(s) in a row",
        "did not answer 2 time(s) in a row",
        "did not answer 3 time(s) in a row",
        "not asked for 40 s after failures",
        "not asked for 40 s after failures",
        "not asked for 1 s after failures",
        "asked again next, after failures",
        "being asked again after failures",
        "answers",
    ]
