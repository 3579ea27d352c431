"""django-cas-server on loopback, a program of its own: `python run_django_cas.py FOLDER` in an environment that has it.

Prints `ready <address>`; every loopback address as a service. Two users, one whose number begins with a zero, and one
who signs in by a number in any case, as LDAP lets people; the number is given back as it was typed.
"""

import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from types import ModuleType
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

settings.configure(
    SECRET_KEY="only-for-this-program-on-loopback-0123456789",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(sys.argv[1]) / "cas.sqlite3")}
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "cas_server",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    STATIC_URL="/static/",
    CAS_AUTH_CLASS="users.AnyCaseUser",
    CAS_TEST_USER="00230001",
    CAS_TEST_PASSWORD="demo",
    CAS_TEST_ATTRIBUTES={"cn": "李文静", "groups": ["everybody", "students"]},
    CAS_NEW_VERSION_HTML_WARNING=False,
    CAS_SHOW_POWERED=False,
)
django.setup()


def add_users() -> None:
    """Make the module that the setting above names: a class of django-cas-server's cannot be loaded before set-up."""
    from cas_server.auth import TestAuthUser

    class AnyCaseUser(TestAuthUser):
        """One of the two."""

        def test_password(self, password: str) -> bool:
            """Whether this user has this password."""
            is_known = self.username.upper() in ("00230001", "TS23000008")
            return is_known and password == settings.CAS_TEST_PASSWORD

        def attributs(self) -> dict:
            """What is told of either."""
            return settings.CAS_TEST_ATTRIBUTES

    module = ModuleType("users")
    module.AnyCaseUser = AnyCaseUser
    sys.modules["users"] = module


add_users()
urlpatterns = [path("cas/", include("cas_server.urls", namespace="cas_server"))]


class Server(ThreadingMixIn, WSGIServer):
    """Validation is asked while a browser's page may still be open."""

    daemon_threads = True


class Handler(WSGIRequestHandler):
    """Silent."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until ended."""
    from cas_server.models import ReplaceAttributName, ServicePattern

    call_command("migrate", verbosity=0)
    pattern = ServicePattern.objects.create(
        name="loopback", pattern=r"^http://127\.0\.0\.1:\d+/.*", single_log_out=True
    )
    ReplaceAttributName.objects.create(service_pattern=pattern, name="cn")
    ReplaceAttributName.objects.create(service_pattern=pattern, name="groups")
    server = make_server("127.0.0.1", 0, get_wsgi_application(), Server, Handler)
    print(f"ready http://127.0.0.1:{server.server_port}/cas", flush=True)
    server.serve_forever()


main()
