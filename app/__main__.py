"""`python -m app --version`: what lies in this folder, without any configuration. The commands are `flask --app wsgi`."""

from __future__ import annotations

import argparse

from app.settings.sections import ROOT, read_commit
from app.version import VERSION


def main() -> None:
    """Tell the version, with the commit where the folder is a checkout."""
    parser = argparse.ArgumentParser("python -m app", epilog="The commands are those of `flask --app wsgi`.")
    commit = read_commit(ROOT)
    told = f"lixiao {VERSION} ({commit})" if commit else f"lixiao {VERSION}"
    parser.add_argument("--version", action="version", version=told)
    parser.parse_args()
    parser.print_help()


if __name__ == "__main__":
    main()
