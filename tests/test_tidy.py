"""The shape of the code is tested like its behaviour: directions, purity, sizes, names, words.

Each rule is applied to the whole project, and to a bad example that it must refuse.
"""

from collections.abc import Callable

import pytest

from tests import house_rules as rules
from tests.source_tree import Source, read_sources

Rule = Callable[[Source], rules.Complaints]


def complaints_of(rule: Rule, *sources: Source) -> list[str]:
    """Return what the rule has against the sources."""
    return [complaint for source in sources for complaint in rule(source)]


def assert_tidy(rule: Rule) -> None:
    """Fail with every complaint the rule has against the project."""
    found = complaints_of(rule, *read_sources())
    assert not found, "\n".join([str(rule.__doc__), *found])


def assert_refuses(rule: Rule, path: str, *snippets: str) -> None:
    """Fail unless the rule objects to each of these bad files."""
    for snippet in snippets:
        assert complaints_of(rule, Source(path, snippet)), f"{rule.__name__} lets this pass: {snippet!r}"


def assert_accepts(rule: Rule, path: str, *snippets: str) -> None:
    """Fail if the rule objects to any of these good files."""
    for snippet in snippets:
        assert not complaints_of(rule, Source(path, snippet))


def test_the_whole_project_is_looked_at() -> None:
    packages = {source.package for source in read_sources()}

    assert packages >= {*rules.PACKAGES, "tests"}


def test_packages_import_in_one_direction() -> None:
    assert_tidy(rules.complain_of_direction)


@pytest.mark.parametrize(
    ("path", "imported"),
    [
        ("schemas/order.py", "sync"),
        ("sync/merge.py", "server"),
        ("printing/label.py", "sync"),
        ("server/web/desk.py", "field_client"),
        ("field_client/runner.py", "server"),
        ("server/app.py", "tests"),
    ],
)
def test_an_import_against_the_direction_is_refused(path: str, imported: str) -> None:
    assert_refuses(rules.complain_of_direction, path, f"import {imported}.a", f"from {imported} import a")
    assert_accepts(rules.complain_of_direction, path, "import schemas.order", "from json import loads")


def test_server_layers_import_downwards() -> None:
    assert_tidy(rules.complain_of_layers)


@pytest.mark.parametrize(
    ("path", "imported"),
    [
        ("server/domain/sla.py", "store"),
        ("server/domain/sla.py", "settings"),
        ("server/store/log.py", "intake"),
        ("server/store/log.py", "clock"),
        ("server/intake.py", "services"),
        ("server/services/orders.py", "web"),
        ("server/web/desk.py", "jobs"),
        ("server/jobs.py", "app"),
    ],
)
def test_an_import_of_a_higher_layer_is_refused(path: str, imported: str) -> None:
    assert_refuses(rules.complain_of_layers, path, f"import server.{imported}")
    assert_refuses(rules.complain_of_layers, path, f"from server import {imported}")
    assert_accepts(rules.complain_of_layers, "server/app.py", f"from server import {imported}")


def test_an_unknown_server_layer_must_be_placed() -> None:
    assert_refuses(rules.complain_of_layers, "server/bus/queue.py", "import json")


def test_schemas_depend_on_marshmallow_alone() -> None:
    assert_tidy(rules.complain_of_libraries_in_schemas)
    assert_refuses(rules.complain_of_libraries_in_schemas, "schemas/order.py", "import flask")
    assert_accepts(rules.complain_of_libraries_in_schemas, "schemas/order.py", "import marshmallow")


def test_the_verifier_stands_alone() -> None:
    assert_tidy(rules.complain_of_libraries_in_verifier)
    assert_refuses(rules.complain_of_libraries_in_verifier, "verifier/a.py", "import nacl", "import click")
    assert_refuses(rules.complain_of_direction, "verifier/a.py", "import sync.chain", "from schemas import KINDS")
    assert_accepts(rules.complain_of_libraries_in_verifier, "verifier/a.py", "import hashlib", "import cryptography.x")


def test_no_module_imports_itself_through_others() -> None:
    assert rules.find_cycle(read_sources()) == [], "break the cycle: move what both need to a lower module"


def test_a_cycle_is_found() -> None:
    first = Source("sync/a.py", "import sync.b")
    second = Source("sync/b.py", "from sync import c")
    third = Source("sync/c.py", "from sync.a import thing")

    assert rules.find_cycle((first, second, third)) == ["sync.a", "sync.b", "sync.c", "sync.a"]
    assert rules.find_cycle((first, second)) == []


def test_protocol_and_domain_are_pure() -> None:
    assert_tidy(rules.complain_of_impurity)


@pytest.mark.parametrize("path", ["sync/merge.py", "server/domain/sla.py"])
def test_impurity_is_refused(path: str) -> None:
    modules = ["os", "io", "pathlib", "socket", "time", "random", "secrets", "sqlite3", "sqlalchemy", "flask"]
    modules += ["requests", "nacl", "threading"]

    assert_refuses(rules.complain_of_impurity, path, *[f"import {module}" for module in modules])
    assert_refuses(rules.complain_of_impurity, path, "datetime.now(UTC)", "datetime.datetime.utcnow()")
    assert_refuses(rules.complain_of_impurity, path, "date.today()", "uuid4()", "uuid.uuid1()", "open('a')")
    assert_accepts(rules.complain_of_impurity, path, "import hashlib, json", "from datetime import datetime")
    assert_accepts(rules.complain_of_impurity, "server/web/desk.py", "import os", "datetime.now(UTC)")


def test_files_are_short() -> None:
    assert_tidy(rules.complain_of_file_size)
    assert_refuses(rules.complain_of_file_size, "sync/merge.py", "a = 1\n" * 401)
    assert_accepts(rules.complain_of_file_size, "sync/merge.py", "a = 1\n" * 400)


def test_functions_are_short() -> None:
    assert_tidy(rules.complain_of_function_size)
    assert_refuses(rules.complain_of_function_size, "sync/merge.py", "def merge():\n" + "    a = 1\n" * 50)
    assert_accepts(rules.complain_of_function_size, "sync/merge.py", "def merge():\n" + "    a = 1\n" * 49)


def test_names_say_what_things_are() -> None:
    assert_tidy(rules.complain_of_names)


def test_empty_names_are_refused() -> None:
    functions = ["get_order", "_handle_push", "process_page", "do_sync", "sync_utils", "order_helper"]
    classes = ["StoreManager", "OrderHelpers", "Utils"]

    assert_refuses(rules.complain_of_names, "sync/a.py", *[f"def {name}(): ..." for name in functions])
    assert_refuses(rules.complain_of_names, "sync/a.py", *[f"class {name}: ..." for name in classes])
    assert_refuses(rules.complain_of_names, "sync/utils.py", "a = 1")
    assert_accepts(rules.complain_of_names, "sync/a.py", "def get(): ...", "def dock(): ...")
    assert_accepts(rules.complain_of_names, "sync/a.py", "def do_GET(): ...")


def test_every_module_begins_with_what_it_is() -> None:
    assert_tidy(rules.complain_of_missing_first_line)
    assert_refuses(rules.complain_of_missing_first_line, "sync/a.py", "", "a = 1", '"""\nLate.\n"""')
    assert_accepts(rules.complain_of_missing_first_line, "sync/a.py", '"""What this is."""')


def test_everything_public_says_what_it_does() -> None:
    rule = rules.complain_of_missing_docstrings

    assert_tidy(rule)
    assert_refuses(rule, "sync/a.py", "def merge(): ...", "class Merge: ...")
    assert_refuses(rule, "sync/a.py", "class Merge:\n    'A merge.'\n    def run(self): ...")
    assert_accepts(rule, "sync/a.py", "def _merge(): ...", "def merge():\n    'Merge.'")


def test_imports_are_absolute() -> None:
    assert_tidy(rules.complain_of_relative_imports)
    assert_refuses(rules.complain_of_relative_imports, "sync/a.py", "from . import b", "from ..c import d")


def test_imports_stand_at_the_top() -> None:
    rule = rules.complain_of_late_imports

    assert_tidy(rule)
    assert_refuses(rule, "sync/a.py", "def merge():\n    import json", "if True:\n    from json import loads")
    assert_accepts(rule, "server/__main__.py", "def serve():\n    import server.app")
    assert_accepts(rule, "sync/a.py", "if sys.version_info >= (3, 14):\n    import a\nelse:\n    import b")


def test_nothing_catches_everything() -> None:
    clauses = ["except Exception", "except (KeyError, Exception)", "except BaseException as error", "except"]
    snippets = [f"try:\n    a\n{clause}:\n    b" for clause in clauses]
    tidied_up = "try:\n    a\nexcept BaseException:\n    b\n    raise"

    assert_tidy(rules.complain_of_catch_all)
    assert len(rules.CATCH_ALL_FILES) <= 3
    assert_refuses(rules.complain_of_catch_all, "sync/a.py", *snippets)
    assert_accepts(rules.complain_of_catch_all, "server/web/errors.py", *snippets)
    assert_accepts(rules.complain_of_catch_all, "sync/a.py", tidied_up)


def test_no_test_sleeps() -> None:
    assert_tidy(rules.complain_of_sleep)
    assert_refuses(rules.complain_of_sleep, "tests/test_a.py", "time.sleep(1)", "sleep(1)")


def test_no_test_is_skipped() -> None:
    rule = rules.complain_of_skipped_tests

    assert_tidy(rule)
    assert_refuses(rule, "tests/test_a.py", "pytest.skip('later')", "@pytest.mark.xfail\ndef test_a(): ...")
    assert_refuses(rule, "tests/test_a.py", "pytest.importorskip('nacl')", "pytest.mark.skipif(True)")


def test_nothing_is_left_for_later() -> None:
    words = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]

    assert_tidy(rules.complain_of_unfinished)
    assert_refuses(rules.complain_of_unfinished, "sync/a.py", *[f"a = 1  # {word}: b" for word in words])


def test_comments_tell_why_not_what_was() -> None:
    bad = ["# It no longer blocks.", "# Previously a list.", "# now uses orjson", "# New: limit", "# Fixed."]

    assert_tidy(rules.complain_of_history)
    assert_refuses(rules.complain_of_history, "sync/a.py", *bad)
    assert_accepts(rules.complain_of_history, "sync/a.py", "# A fixed limit, since new devices are small.")


def test_comments_are_sentences_not_banners() -> None:
    assert_tidy(rules.complain_of_banners)
    assert_refuses(rules.complain_of_banners, "sync/a.py", "# ----", "# ==== Merge ====", "########")


def test_native_libraries_stay_behind_their_port() -> None:
    rule = rules.complain_of_native_libraries

    assert_tidy(rule)
    assert_refuses(rule, "field_client/work.py", *[f"import {name}" for name in rules.NATIVE_PORTS])
    assert_accepts(rule, "field_client/store.py", "import apsw")
    assert_accepts(rule, "field_client/store_schema.py", "import apsw")
    assert_accepts(rule, "field_client/imaging.py", "from PIL import Image")
