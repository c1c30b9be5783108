"""The house rules as functions: a file in, complaints out. Each complaint says where and what to do instead.

`tests/test_tidy.py` applies them to the project, and to a bad example of each.
"""

import ast
import fnmatch
import re
import sys
from collections.abc import Iterator

from tests.source_tree import PACKAGES, Definition, Source

Complaints = Iterator[str]

# More does not fit in a reader's head at once; the examples we learnt from have medians of 90-175 and 7-11.
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50

MAY_IMPORT = {
    "schemas": set(),
    "sync": {"schemas"},
    "scanning": {"schemas"},
    "printing": {"schemas"},
    "pages": {"schemas"},
    "server": {"schemas", "sync", "scanning", "printing", "pages"},
    "field_client": {"schemas", "sync", "scanning", "printing", "pages"},
    # Whoever does not trust us reads it, and need read nothing else.
    "verifier": set(),
}
INTAKE = {"intake_judge", "intake_apply", "intake", "reception", "scribe_line", "garbage"}
UP_TO_INTAKE = {"settings", "domain", "clock", "durable", "keys", "request_trace", "event_log", "store"} | INTAKE
UP_TO_SERVICES = UP_TO_INTAKE | {"services", "metrics"}
VERIFIER_LIBRARIES = {"cryptography", "verifier"}
SERVER_MAY_IMPORT = {
    "settings": set(),
    "domain": set(),
    "clock": set(),
    "durable": set(),
    "request_trace": set(),
    "event_log": {"clock", "request_trace"},
    "metrics": set(),
    "exposition": {"settings", "metrics", "services"},
    "keys": {"settings", "clock", "durable"},
    # The time and new ids are passed down to the store, so that a rebuild from the log gives the same rows.
    "store": {"settings", "domain", "durable"},
    "migrations": {"settings", "store"},
    "intake_judge": {"domain", "store"},
    "intake_apply": {"domain", "store", "intake_judge"},
    # Intake reads no clock and draws no ids: a replay of the log must come to the same records.
    "intake": {"domain", "store", "intake_judge", "intake_apply"},
    "reception": {"domain", "clock", "keys", "request_trace", "store", "intake"},
    "garbage": set(),
    "orphans": {"event_log"},
    "scribe_line": {"domain", "intake", "reception"},
    "scribe": UP_TO_INTAKE | {"metrics"},
    "services": UP_TO_INTAKE,
    "jobs": UP_TO_SERVICES,
    "web": UP_TO_SERVICES,
    "desk": UP_TO_SERVICES | {"web"},
    "portal": UP_TO_SERVICES | {"web"},
    "demo": UP_TO_SERVICES,
    "app": UP_TO_SERVICES | {"jobs", "web", "desk", "portal", "orphans"},
    "commands": UP_TO_SERVICES | {"jobs", "web", "desk", "demo", "app", "exposition", "orphans"},
    "__main__": UP_TO_SERVICES | {"jobs", "web", "demo", "app", "commands"},
}

PURE = ("sync", "server/domain")
PURE_MODULES = {"__future__", "abc", "base64", "binascii", "bisect", "calendar", "collections", "copy"}
PURE_MODULES |= {"dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq"}
PURE_MODULES |= {"hmac", "itertools", "json", "math", "operator", "re", "statistics", "string", "struct"}
PURE_MODULES |= {"types", "typing", "unicodedata", "uuid", "zlib", "zoneinfo", "schemas", "sync"}
PURE_MODULES |= {"sys", "compression", "backports", "marshmallow"}
IMPURE_CALL = re.compile(r"\b(now|utcnow|today|uuid1|uuid4)$|^(open|print|input|exec|eval|__import__)$")

NATIVE_PORTS = {
    "PIL": "field_client/imaging*.py",
    "zxingcpp": "field_client/codes.py",
    "nacl": "field_client/keys.py",
    "argon2": "field_client/keys.py",
    "socket": "field_client/transport*.py",
    "urllib3": "field_client/transport*.py",
    "httpx": "field_client/transport*.py",
    "requests": "field_client/transport*.py",
    "apsw": "field_client/store*.py",
}

BANNED_WORDS = {
    "util": "the noun the code is about",
    "utils": "the noun the code is about",
    "helper": "what it helps to do",
    "helpers": "what they help to do",
    "manager": "what it keeps or decides (store, desk, pool)",
    "misc": "the noun the code is about",
    "common": "the noun the code is about",
}
BANNED_STARTS = {
    "get_": "read_, find_, load_ or fetch_, or a noun in a property",
    "handle_": "the verb for what happens (accept_, answer_, reject_)",
    "process_": "the verb for what happens (apply_, decode_, send_)",
    "do_": "the verb that follows it",
}
# Names that a library looks for.
NOT_OURS = {"process_bind_param", "process_result_value", "get_command"}
NOT_OURS |= {"handle_starttag", "handle_endtag", "handle_data", "handle_RCPT", "handle_DATA"}
NOT_OURS |= {"handleError", "do_GET", "do_HEAD", "do_PATCH", "do_POST", "do_PUT"}

CATCH_ALL_FILES = ("server/web/errors.py", "server/reception.py", "server/jobs.py")

HISTORY = re.compile(
    r"\b(no longer|previously|now (uses?|supports?|returns?|works?)|formerly|was renamed|legacy)\b"
    r"|^#\s*(new|fixed|changed|added|removed)\b\s*:?",
    re.IGNORECASE,
)
BANNER = re.compile(r"^#\s*[-=*#~_]{3,}|[-=*#~_]{4,}$")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def complain_of_direction(source: Source) -> Complaints:
    """Packages import in one direction only."""
    if source.package not in MAY_IMPORT:
        return
    allowed = MAY_IMPORT[source.package] | {source.package}
    for line, name in source.imports:
        target = name.split(".")[0]
        if target in {*PACKAGES, "tests", "benchmarks", "scripts"} - allowed:
            yield (
                f"{source.path}:{line} imports {name}: {source.package} may import only {sorted(allowed)}; "
                "pass the value in, or move what both need down to schemas or sync"
            )


def complain_of_layers(source: Source) -> Complaints:
    """Inside server: settings | domain <- store <- intake <- services <- jobs | web <- app."""
    if source.package != "server" or source.module == "server":
        return
    layer = source.module.split(".")[1]
    if layer not in SERVER_MAY_IMPORT:
        yield f"{source.path}: give the layer {layer} its place in SERVER_MAY_IMPORT of tests/house_rules.py"
        return
    allowed = SERVER_MAY_IMPORT[layer] | {layer}
    for line, name in source.imports:
        origin, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if origin == "server" and target in SERVER_MAY_IMPORT and target not in allowed:
            yield (
                f"{source.path}:{line} imports {name}: the layer {layer} may import only {sorted(allowed)}; "
                "move the rule down, or let the caller pass the value in"
            )


def complain_of_libraries_in_schemas(source: Source) -> Complaints:
    """The facts about the data depend on marshmallow alone."""
    allowed = sys.stdlib_module_names | {"marshmallow", "schemas"}
    for line, name in source.imports:
        if source.package == "schemas" and name.split(".")[0] not in allowed:
            yield f"{source.path}:{line} imports {name}: schemas/ imports marshmallow only; move the code up"


def complain_of_libraries_in_verifier(source: Source) -> Complaints:
    """The verifier depends on the standard library and on one implementation of Ed25519."""
    allowed = sys.stdlib_module_names | VERIFIER_LIBRARIES
    for line, name in source.imports:
        if source.package == "verifier" and name.split(".")[0] not in allowed:
            yield f"{source.path}:{line} imports {name}: verifier/ stands alone; write it there, or leave it out"


def complain_of_impurity(source: Source) -> Complaints:
    """The protocol and the domain rules know no file, socket, clock, chance or framework."""
    if not source.is_within(*PURE):
        return
    allowed = PURE_MODULES | ({"server"} if source.package == "server" else set())
    for line, name in source.imports:
        if name.split(".")[0] not in allowed:
            yield f"{source.path}:{line} imports {name}: let the caller do that and pass the result in"
    for line, name in source.calls:
        if IMPURE_CALL.search(name):
            yield f"{source.path}:{line} calls {name}: let the caller pass the time, the id or the bytes in"


def complain_of_file_size(source: Source) -> Complaints:
    """A file can be read in one sitting."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield f"{source.path} has {lines} lines, {FILE_LINES_MAX} are allowed: split it by what it is about"


def complain_of_function_size(source: Source) -> Complaints:
    """A function can be seen at a glance."""
    for function in source.functions:
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            yield (
                f"{source.path}:{function.lineno} {function.name} has {lines} lines, "
                f"{FUNCTION_LINES_MAX} are allowed: name its steps"
            )


def complain_of_names(source: Source) -> Complaints:
    """A name says what the thing is or does."""
    named = [(1, part) for part in source.module.split(".")]
    named += [(definition.lineno, definition.name) for definition in source.definitions]
    for line, name in named:
        for bad, better in bad_parts(name):
            yield f"{source.path}:{line} {name}: instead of '{bad}' say {better}"


def bad_parts(name: str) -> Iterator[tuple[str, str]]:
    """Yield the banned parts of a name, each with what to say instead."""
    if name in NOT_OURS:
        return
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")
    yield from ((word, BANNED_WORDS[word]) for word in words.split("_") if word in BANNED_WORDS)
    yield from ((start, better) for start, better in BANNED_STARTS.items() if words.startswith(start))


def complain_of_missing_first_line(source: Source) -> Complaints:
    """A module's first line says what it is."""
    docstring = ast.get_docstring(source.tree, clean=False)
    if not (docstring or "").split("\n")[0].strip():
        yield f'{source.path}:1 begins without a """sentence that says what this module is"""'


def complain_of_missing_docstrings(source: Source) -> Complaints:
    """Whatever others may use says what it does."""
    if source.package in PACKAGES:
        for definition in public_definitions(source.tree):
            if not ast.get_docstring(definition):
                yield f"{source.path}:{definition.lineno} {definition.name}: say in one sentence what it does"


def public_definitions(within: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """Yield functions, classes and methods that others may use; marshmallow's Meta is not for others."""
    for node in within.body:
        if isinstance(node, Definition) and not node.name.startswith("_") and node.name != "Meta":
            if not any("overload" in ast.unparse(decorator) for decorator in node.decorator_list):
                yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node)


def complain_of_relative_imports(source: Source) -> Complaints:
    """An import reads the same wherever it stands."""
    for line, name in source.imports:
        if name.startswith("."):
            yield f"{source.path}:{line} imports {name}: write the name from the top-level package"


def complain_of_late_imports(source: Source) -> Complaints:
    """Imports stand at the top, so that nobody hides a cycle; commands may delay them to start quickly."""
    if source.path.endswith("__main__.py") or source.package not in PACKAGES:
        return
    body = [node for top in source.tree.body for node in (branches(top) if chooses_by_version(top) else [top])]
    at_top = {node for node in body if isinstance(node, ast.Import | ast.ImportFrom)}
    for node in source.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in at_top:
            yield f"{source.path}:{node.lineno} imports inside a block: move it to the top of the module"


def chooses_by_version(node: ast.stmt) -> bool:
    """Return whether a statement asks which Python runs, to take from its library what it has."""
    return isinstance(node, ast.If) and "sys.version_info" in ast.unparse(node.test)


def branches(node: ast.stmt) -> list[ast.stmt]:
    """Return the statements of both branches of an if."""
    return [*node.body, *node.orelse] if isinstance(node, ast.If) else []


def complain_of_catch_all(source: Source) -> Complaints:
    """Only the edges do: where a person waits for an answer, and at the top of a thread that nobody waits for."""
    if source.path in CATCH_ALL_FILES:
        return
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and catches_all(node.type) and not raises_again(node):
            yield f"{source.path}:{node.lineno} catches everything: name the exceptions that may happen here"


def catches_all(kinds: ast.expr | None) -> bool:
    """Return whether an except clause names nothing, Exception or BaseException."""
    names = {node.id for node in ast.walk(kinds) if isinstance(node, ast.Name)} if kinds else {"Exception"}
    return bool(names & {"Exception", "BaseException"})


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Return whether a clause only tidies up and lets the error pass on."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def complain_of_sleep(source: Source) -> Complaints:
    """A test waits for what it needs, not for time to pass."""
    for line, name in source.calls:
        if source.package == "tests" and name.split(".")[-1] == "sleep":
            yield f"{source.path}:{line} sleeps: wait for the event, or pass the clock in"


def complain_of_skipped_tests(source: Source) -> Complaints:
    """Every test runs, on every machine."""
    if source.package != "tests":
        return
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and node.attr in {"skip", "skipif", "xfail", "importorskip"}:
            yield f"{source.path}:{node.lineno} {node.attr}: make it pass, or fail with what to install"


def complain_of_unfinished(source: Source) -> Complaints:
    """Nothing is left for later in the code."""
    for line, comment in source.comments:
        if found := UNFINISHED.search(comment):
            yield f"{source.path}:{line} {found[0]}: do it, or write it where work is planned"


def complain_of_history(source: Source) -> Complaints:
    """A comment tells why the code is as it is, not what it was."""
    for line, comment in source.comments:
        if HISTORY.search(comment):
            yield f"{source.path}:{line} {comment!r}: history belongs in CHANGELOG.md; say why it is so"


def complain_of_banners(source: Source) -> Complaints:
    """A file that needs signposts needs to be two files."""
    for line, comment in source.comments:
        if BANNER.search(comment):
            yield f"{source.path}:{line} {comment!r}: a blank line is enough, or split the file"


def complain_of_native_libraries(source: Source) -> Complaints:
    """The device's core can run in a phone's browser, where other code stands behind each port."""
    if source.package != "field_client":
        return
    for line, name in source.imports:
        port = NATIVE_PORTS.get(name.split(".")[0])
        if port and not fnmatch.fnmatch(source.path, port):
            yield f"{source.path}:{line} imports {name}: ask {port}, the only one that may"


def find_cycle(sources: tuple[Source, ...]) -> list[str]:
    """Return the modules of one import cycle, the first repeated at the end; empty when there is none."""
    graph = {source.module: targets_of(source, {other.module for other in sources}) for source in sources}
    done: set[str] = set()
    for start in sorted(graph):
        if cycle := walk(graph, start, [], done):
            return cycle
    return []


def targets_of(source: Source, modules: set[str]) -> set[str]:
    """Return which of the modules a file imports; `from a import b` is a.b where that is a module, else a."""
    names = {name if name in modules else name.rpartition(".")[0] for _, name in source.imports}
    return (names & modules) - {source.module}


def walk(graph: dict[str, set[str]], module: str, path: list[str], done: set[str]) -> list[str]:
    """Follow imports depth first; return the first cycle met."""
    if module in path:
        return [*path[path.index(module) :], module]
    if module in done:
        return []
    for target in sorted(graph[module]):
        if cycle := walk(graph, target, [*path, module], done):
            return cycle
    done.add(module)
    return []
