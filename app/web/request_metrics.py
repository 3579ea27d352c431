"""How many requests there are, how long they take and how they end, by route.

A route is the pattern of an address and never the address itself, which anybody may make up: what fits none is one route
of its own. Methods are the two that pages have, and all others together.
"""

from __future__ import annotations

import time
from functools import lru_cache

from flask import Flask, Response, g, request
from prometheus_client import Gauge, Histogram

from app import metrics

NO_ROUTE = "none"
OTHER_METHOD = "other"
_METHODS = {"GET": "GET", "HEAD": "GET", "POST": "POST"}


def register_request_metrics(app: Flask) -> None:
    """Measure every request. To be called first: what is done before and after a request is then measured too."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_leave)


def list_routes(app: Flask) -> list[tuple[str]]:
    """Every route, as labels."""
    return [(NO_ROUTE,), *((rule.rule,) for rule in app.url_map.iter_rules())]


def _begin() -> None:
    route = _get_route()
    _get_in_flight(route).inc()
    g.measured = (route, time.perf_counter())


def _end(response: Response) -> Response:
    route, begun_at = g.measured
    method = _METHODS.get(request.method, OTHER_METHOD)
    _get_seconds(route, method, response.status_code // 100).observe(time.perf_counter() - begun_at)
    return response


def _leave(_error: BaseException | None) -> None:
    measured = g.get("measured")
    if measured:
        _get_in_flight(measured[0]).dec()


def _get_route() -> str:
    rule = request.url_rule
    return rule.rule if rule else NO_ROUTE


# To find a number by its labels costs as much as to count.
@lru_cache(maxsize=512)
def _get_seconds(route: str, method: str, hundreds: int) -> Histogram:
    return metrics.request_seconds.labels(route, method, f"{hundreds}xx")


@lru_cache(maxsize=128)
def _get_in_flight(route: str) -> Gauge:
    return metrics.requests_in_flight.labels(route)
