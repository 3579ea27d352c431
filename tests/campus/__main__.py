"""`python -m tests.campus`: starts the pretend campus."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from tests.campus.credentials import Credentials
from tests.campus.described import DescriptionError, read_departments, split_places
from tests.campus.server import NotLoopbackError, bind_loopback, serve

EXIT_REFUSED = 2
EXIT_PORT_TAKEN = 1


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return `host`, `port`, `sip2_port`, `departments` and `redirect_uri` (lists) from the command line, else from the environment."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campus", description="The pretend campus, on loopback only."
    )
    parser.add_argument(
        "--host", default=os.environ.get("CAMPUS_HOST", "127.0.0.1"), help="a loopback address"
    )
    parser.add_argument(
        "--port", type=int, default=os.environ.get("CAMPUS_PORT", "8001"), help="0 picks a free one"
    )
    parser.add_argument(
        "--sip2-port",
        type=int,
        default=os.environ.get("CAMPUS_SIP2_PORT"),
        help="where the library also answers by SIP2; 0 picks a free one",
    )
    parser.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        metavar="URL",
        help="a further callback address to accept",
    )
    parser.add_argument(
        "--departments",
        type=split_places,
        default=os.environ.get("CAMPUS_DEPARTMENTS", ""),
        metavar="PLACES",
        help=f"files that describe further departments, and folders of them, joined by {os.pathsep}",
    )
    return parser.parse_args(arguments)


def main() -> int:
    """Serve until told to stop; returns the exit code."""
    options = parse_arguments()
    try:
        described = read_departments(options.departments)
        listener = bind_loopback(options.host, options.port)
        sip2_port = options.sip2_port
        sip2_listener = None if sip2_port is None else bind_loopback(options.host, sip2_port)
    except NotLoopbackError:
        print(f"campus: refuses to listen on {options.host}: loopback addresses only", file=sys.stderr)
        return EXIT_REFUSED
    except DescriptionError as error:
        print(f"campus: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except OSError as error:
        ports = " or ".join(str(port) for port in (options.port, options.sip2_port) if port is not None)
        print(f"campus: cannot listen on {options.host} port {ports}: {error.strerror}", file=sys.stderr)
        return EXIT_PORT_TAKEN
    redirect_uris = tuple(options.redirect_uri)
    asyncio.run(serve(listener, Credentials.from_environment(), redirect_uris, sip2_listener, described))
    return 0


if __name__ == "__main__":
    sys.exit(main())
