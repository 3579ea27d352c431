"""Pages with their texts folded in: one Jinja environment for each language, in whose templates `_("...")` and
`{% trans %}` are translated when a template is compiled, not at every page. Any other text than one that the template
itself writes is an error: `gettext` is undefined.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import partial
from typing import Any, cast

from babel.support import NullTranslations
from flask import Flask, current_app
from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.visitor import NodeTransformer

from app.web.language import LANGUAGES, Language, get_language, read_catalogue

GETTEXT = ("_", "gettext")


class _TextFolder(NodeTransformer):
    """Puts translations in the place of calls of gettext with a literal text. They mean what Jinja's newstyle gettext
    does: the text is HTML, `%(name)s` is the escaped value of that name, and `%%` is a percent sign.
    """

    def __init__(self, catalogue: NullTranslations) -> None:
        self._catalogue = catalogue

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        """The call, or what it would return."""
        self.generic_visit(node)
        is_gettext = isinstance(node.node, nodes.Name) and node.node.name in GETTEXT
        if not (is_gettext and len(node.args) == 1 and isinstance(node.args[0], nodes.Const)):
            return node
        text = self._catalogue.gettext(node.args[0].value)
        values = [nodes.Pair(nodes.Const(each.key), each.value) for each in node.kwargs]
        folded: nodes.Expr = nodes.MarkSafe(nodes.Const(text if values else text % {}))
        if values:
            folded = nodes.Mod(folded, nodes.Dict(values))
        return folded.set_lineno(node.lineno)


class _FoldingGenerator(CodeGenerator):
    """Jinja's, for a template whose texts are folded in first."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        """The whole template's code."""
        folder = _TextFolder(cast("Any", self.environment).catalogue)
        super().visit_Template(folder.visit(node), frame)


def fold_texts(environment: Environment, catalogue: NullTranslations) -> None:
    """Have each template that the environment compiles from now on translated by the catalogue. The environment has
    Jinja's extension i18n.
    """
    environment.extend(catalogue=catalogue)
    cast("Any", environment).newstyle_gettext = True
    environment.code_generator_class = _FoldingGenerator


def register_templates(app: Flask) -> None:
    """Make the environments. What is added to the app's own later on is theirs, too, unless it is a loader."""
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    environments = {language: app.jinja_env.overlay() for language in LANGUAGES.values()}
    for language, environment in environments.items():
        fold_texts(environment, read_catalogue(language))
        # A chain of maps, as Jinja makes it, is walked name by name for each template that a page imports.
        environment.make_globals = partial(_merge_globals, environment)  # type: ignore[method-assign]
    app.extensions["page_environments"] = environments


def _merge_globals(environment: Environment, own: MutableMapping[str, Any] | None) -> dict[str, Any]:
    return {**environment.globals, **(own or {})}


def render_template(name: str, /, **data: object) -> str:
    """The page of this name, in the language of this request."""
    environments = cast("dict[Language, Environment]", current_app.extensions["page_environments"])
    template = environments[get_language()].get_template(name)
    context: dict[str, Any] = dict(data)
    current_app.update_template_context(context)
    return template.render(context)
