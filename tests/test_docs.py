"""What the documents say is true: commands, options, problem codes, settings, routes, links."""

import importlib
import re
import tomllib
from pathlib import Path

import click
import pytest

from schemas.problems import PROBLEMS
from tests.documents import Document, read_document, read_documents
from tests.source_tree import ROOT, read_sources

PICTURE_BYTES_MAX = 100_000
PICTURES_BYTES_MAX = 4_000_000
PROGRAMS = {"gongdan-server": "server.__main__", "gongdan-field": "field_client.__main__"}


def unknown_words(command: click.Command, words: list[str]) -> list[str]:
    """Return the first subcommand or option among the words that the command does not have, if any."""
    options = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    left = iter(words)
    for word in left:
        name, _, value = word.partition("=")
        if re.match(r"--?[a-zA-Z]", word):
            if name not in {*options, "--help"}:
                return [name]
            if name in options and not value and not getattr(options[name], "is_flag", False):
                next(left, None)
        elif isinstance(command, click.Group):
            inner = command.get_command(click.Context(command), word)
            return unknown_words(inner, list(left)) if inner else [word]
    return []


def routes_in(document: Document) -> set[tuple[str, str]]:
    """Return method and path of every route the document names, each parameter written `*`."""
    found = re.findall(r"\b(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[\w/{}<>:.-]*)", document.text)
    return {(method, blank_parameters(path)) for method, path in found}


def blank_parameters(path: str) -> str:
    """Return the path with `*` for each parameter, in Flask's or OpenAPI's spelling."""
    return re.sub(r"<[^>]+>|\{[^}]+\}", "*", path).rstrip(".")


def codes_in_table(document: Document) -> set[str]:
    """Return the codes in the first column of the document's tables."""
    return set(re.findall(r"^\|\s*`([a-z_]+)`\s*\|", document.text, re.MULTILINE))


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """Every document of the project."""
    return read_documents()


def test_every_make_target_named_exists(documents: list[Document]) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [(document.path, words[:1]) for document in documents for words in document.commands_of("make")]

    assert named
    assert [(path, words) for path, words in named if not targets.issuperset(words)] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_and_option_shown_exists(program: str, documents: list[Document]) -> None:
    shown = [(document.path, words) for document in documents for words in document.commands_of(program)]
    main = importlib.import_module(PROGRAMS[program]).main

    wrong = [(path, words, bad) for path, words in shown if (bad := unknown_words(main, words))]

    assert shown, f"no document shows how to use {program}"
    assert not wrong


def test_every_problem_code_is_explained() -> None:
    listed = codes_in_table(read_document("docs/problems.md"))

    assert listed == set(PROBLEMS)


def test_every_problem_code_shown_in_an_answer_exists(documents: list[Document]) -> None:
    shown = {
        (document.path, code)
        for document in documents
        for code in re.findall(r'"code":\s*"([a-z_]+)"|problems(?:\.md#|/)([a-z_]+)', document.text)
    }

    assert {(path, code) for path, pair in shown for code in pair if code and code not in PROBLEMS} == set()


@pytest.mark.parametrize("package", ["server", "field_client"])
def test_every_setting_is_explained(package: str) -> None:
    options = importlib.import_module(f"{package}.settings").OPTIONS
    explained = set(read_document("docs/settings.md").code_spans)

    assert {option.variable for option in options} - explained == set()


def test_every_setting_named_exists(documents: list[Document]) -> None:
    modules = [importlib.import_module(f"{package}.settings") for package in ("server", "field_client")]
    declared = {option.variable for module in modules for option in module.OPTIONS}
    named = {
        (document.path, name) for document in documents for name in re.findall(r"\bGONGDAN_[A-Z_]+\b", document.text)
    }

    assert named
    assert {(path, name) for path, name in named if name not in declared} == set()


def test_every_route_described_exists(tmp_path: Path) -> None:
    settings = importlib.import_module("server.settings").read_settings({"GONGDAN_DATA": str(tmp_path)})
    app = importlib.import_module("server.app").create_app(settings)
    rules = [(rule.methods or (), blank_parameters(rule.rule)) for rule in app.url_map.iter_rules()]
    served = {(method, path) for methods, path in rules for method in methods}

    described = routes_in(read_document("docs/protocol.md"))

    assert described
    assert described - served == set()


def test_every_test_named_exists(documents: list[Document]) -> None:
    tests = {definition.name for source in read_sources() for definition in source.functions}
    named = {
        (document.path, span)
        for document in documents
        for span in document.code_spans
        if re.fullmatch(r"test_\w+", span)
    }

    assert ("docs/security.md", "test_a_forged_order_changes_nothing") in named
    assert {(path, name) for path, name in named if name not in tests} == set()


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    needed = {re.split(r"[\[<>=~! ]", requirement)[0] for group in groups for requirement in group}
    explained = re.findall(r"^\|\s*`([\w.-]+)`", read_document("docs/dependencies.md").text, re.MULTILINE)

    assert set(explained) == needed | {"tus-js-client", "axe-core", "oidc-provider", "lighthouse"}


def test_every_link_leads_somewhere(documents: list[Document]) -> None:
    broken = [
        (document.path, link)
        for document in documents
        for link in document.links
        if not (ROOT / document.path).parent.joinpath(link).exists()
    ]

    assert broken == []


def test_every_decision_has_a_number_of_its_own() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    titles = [page.read_text().partition(".")[0] for page in pages]

    assert [int(page.name.partition("-")[0]) for page in pages] == list(range(1, len(pages) + 1))
    assert titles == [f"# {number}" for number in range(1, len(pages) + 1)]


def test_the_guides_show_every_step_in_both_languages_with_small_pictures() -> None:
    guides = [read_document(f"docs/{name}.md") for name in ("field_guide", "dispatcher_guide", "auditing")]
    shown = {link for guide in guides for link in guide.links if link.startswith("pictures/")}
    sizes = {f"pictures/{file.name}": file.stat().st_size for file in (ROOT / "docs" / "pictures").iterdir()}

    assert shown == sizes.keys()
    assert {name.replace("-zh.", "-en.") for name in shown if "-zh." in name} == {n for n in shown if "-en." in n}
    assert max(sizes.values()) < PICTURE_BYTES_MAX
    assert sum(sizes.values()) < PICTURES_BYTES_MAX


def test_a_wrong_command_is_noticed() -> None:
    @click.group()
    @click.option("--data")
    def main(data: str) -> None:
        """Stand for a program."""

    @main.command()
    @click.option("--to")
    def export(to: str) -> None:
        """Stand for a command."""

    block = "```console\n$ A=1 bin/main --data var export --to b \\\n  --fast && main export\nmain out\n```"
    page = Document("a.md", f"Say `main send`:\n{block}\n")
    commands = page.commands_of("main")

    assert commands == [["--data", "var", "export", "--to", "b", "--fast"], ["export"], ["send"]]
    assert [unknown_words(main, words) for words in commands] == [["--fast"], [], ["send"]]


def test_a_wrong_link_a_wrong_code_and_a_wrong_route_are_noticed() -> None:
    links = Document("a.md", "[a](b.md#c) [d](https://e.f) [g](#h)")
    table = Document("a.md", "| Code | Why |\n|---|---|\n| `a_b` | c |")
    routes = Document("a.md", "`GET /orders/{id}` and POST /orders/<uuid:id>.")

    assert links.links == ["b.md"]
    assert codes_in_table(table) == {"a_b"}
    assert routes_in(routes) == {("GET", "/orders/*"), ("POST", "/orders/*")}
