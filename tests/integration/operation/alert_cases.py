"""For each alert of config/alerts.yml numbers at which it fires, and numbers beside them at which it does not; as promtool
writes series: `a+bxn` begins at a and grows by b for n minutes.
"""

from __future__ import annotations

COUNT, BUCKET = "lixiao_request_seconds_count", "lixiao_request_seconds_bucket"
Series = dict[str, str]


def _times(route: str, bound: str, more: str, within: int) -> Series:
    """Of 100 requests a minute so many within a bound."""
    labels = f'route="{route}", status="2xx"'
    return {
        f'{BUCKET}{{{labels}, le="{bound}"}}': f"0+{within}x100",
        f'{BUCKET}{{{labels}, le="{more}"}}': "0+100x100",
        f'{BUCKET}{{{labels}, le="+Inf"}}': "0+100x100",
    }


def _requests(failed: int) -> Series:
    return {
        f'{COUNT}{{status="5xx"}}': f"0+{failed}x100",
        f'{COUNT}{{status="2xx"}}': f"0+{100 - failed}x100",
    }


def _sign_ins(succeed: int, fail: int) -> Series:
    name = 'lixiao_sign_ins_total{provider="campus", outcome='
    return {f'{name}"signed_in"}}': f"0+{succeed}x100", f'{name}"unreachable"}}': f"0+{fail}x100"}


def _connections(in_use: int) -> Series:
    name = 'lixiao_database_connections{pool="main", state='
    return {f'{name}"in_use"}}': f"{in_use}x100", f'{name}"limit"}}': "15x100"}


def _answers(failed: int) -> Series:
    return {
        'lixiao_department_failures_total{system="finance", fault="timeout"}': f"0+{failed}x100",
        'lixiao_department_seconds_count{system="finance"}': "0+10x100",
    }


def _one(series: str, fires: str, rests: str) -> tuple[Series, Series]:
    return {series: f"{fires}x100"}, {series: f"{rests}x100"}


CASES: dict[str, tuple[Series, Series]] = {
    "LixiaoDown": _one('up{job="lixiao"}', "0", "1"),
    "LixiaoNotReady": _one('lixiao_ready{check="database"}', "0", "1"),
    "LixiaoErrors": (_requests(3), _requests(1)),
    "LixiaoVerificationSlow": (
        _times("/v/<any_text:code>", "1.0", "2.5", 90),
        _times("/v/<any_text:code>", "1.0", "2.5", 99),
    ),
    "LixiaoPagesSlow": (_times("/completed", "5.0", "10.0", 90), _times("/completed", "5.0", "10.0", 99)),
    "LixiaoSignInsFail": (_sign_ins(10, 60), _sign_ins(60, 10)),
    "LixiaoVersionsDiffer": (
        {'lixiao_build_info{commit="a"}': "1x100", 'lixiao_build_info{commit="b"}': "1x100"},
        {'lixiao_build_info{commit="a"}': "1x100"},
    ),
    "LixiaoDatabaseCannotWrite": (
        {'lixiao_database_errors_total{kind="full"}': "0+1x100"},
        {'lixiao_database_errors_total{kind="locked"}': "0+1x100"},
    ),
    "LixiaoDatabaseErrors": _one('lixiao_database_errors_total{kind="unreachable"}', "0+5", "0+1"),
    "LixiaoConnectionsUsedUp": (_connections(14), _connections(10)),
    "LixiaoWritersWait": _one('lixiao_queue_length{queue="database_writers"}', "60", "20"),
    "LixiaoScansLost": _one('lixiao_rows_lost_total{queue="scans"}', "0+1", "0"),
    "LixiaoDiskLow": _one('lixiao_disk_free_bytes{place="database"}', "1000000000", "3000000000"),
    "LixiaoDiskFull": _one('lixiao_disk_free_bytes{place="database"}', "100000000", "1000000000"),
    "LixiaoDepartmentDown": _one('lixiao_breaker_open{system="finance"}', "1", "0"),
    "LixiaoDepartmentFailing": (_answers(3), _answers(1)),
    "LixiaoDepartmentBusy": _one('lixiao_queue_length{queue="department_finance"}', "20", "5"),
    "LixiaoStepSuspended": _one('lixiao_step_suspended{mini_app="a", step="finance"}', "1", "0"),
    "LixiaoActionsUnfinished": _one("lixiao_oldest_unfinished_action_seconds", "5000", "100"),
    "LixiaoCannotSign": _one('lixiao_submissions_total{outcome="no_key"}', "0+1", "0"),
    "LixiaoKeyEnds": _one("lixiao_slip_key_days_left", "10", "20"),
    "LixiaoKeyEndsNow": _one("lixiao_slip_key_days_left", "1", "10"),
    "LixiaoCertificateEnds": _one("lixiao_certificate_days_left", "20", "40"),
    "LixiaoCharacterMissing": _one('lixiao_characters_missing_total{mini_app="a"}', "0+1", "0"),
    "LixiaoForgeries": _one('lixiao_verifications_total{verdict="bad_signature"}', "0+1", "0+0.1"),
    "LixiaoRowsRefused": _one('lixiao_rows_refused_total{table="waivers"}', "0+1", "3"),
    "LixiaoCheckpointBehind": _one('lixiao_checkpoint_behind_seconds{place="journal"}', "90", "1"),
    "LixiaoUploadsNotRead": (
        {'lixiao_upload_refusals_total{reason="broken"}': "0+1x100"},
        {'lixiao_upload_refusals_total{reason="full"}': "0+9x100"},
    ),
    "LixiaoLimitsApart": _one('lixiao_limit_storage_failures_total{kind="silent"}', "0+1", "7"),
}
