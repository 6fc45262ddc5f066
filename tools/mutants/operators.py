"""Small wrong changes to a module: what each operator does to a syntax tree, and what it is called in the report.

A site is one change at one place. Its name consists of the function and of the text before and after, so that it stays
the same when lines above it move; two equal changes in one function are told apart by a number.

    compare     < to <=, == to !=, in to not in, is to is not ...
    boolean     and to or, a condition dropped, a condition negated, True to False
    constant    a number, or a limit by its name, one up and one down; bytes and words one longer
    arithmetic  + to -, * to //, << to >>, & to | ...
    argument    two neighbours swapped, a keyword left out
    slice       a bound left out
    entry       an item of a table left out; a member of an enumeration replaced by the next
    statement   a call, a raise, an assignment into something, a break or a continue left out
    result      a value returned becomes None
    handler     an exception that was caught goes on; one of several is not caught

Left alone: docstrings, annotations of functions, decorators, imports, the words of an exception and other sentences,
`frozen` and its like.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}  # fmt: skip
_STYLE_KEYWORDS = {"frozen", "slots", "kw_only", "strict"}
_NOT_NUMBERS = {"VERSION", "LETTER_CLASSES"}
_SYMMETRIC = {"min", "max", "same", "compare_digest"}
_TEXT_MAX = 90


@dataclass
class Site:
    """One change: ``put`` makes it in the tree that the sites were found in."""

    where: str
    line: int
    operator: str
    before: str
    after: str
    put: Callable[[], None] = field(repr=False)
    nth: int = 1

    @property
    def name(self) -> str:
        """Function, before and after; the same for as long as the function is."""
        again = f" ({self.nth})" if self.nth > 1 else ""
        return f"{self.where}: {self.before} -> {self.after}{again}"


def sites(tree: ast.Module) -> list[Site]:
    """Every change that is tried on a module, in the order of its text."""
    finder = _Finder(tree)
    found = list(finder.body(tree, "body", "<module>"))
    seen: Counter[str] = Counter()
    for site in found:
        seen[site.name] += 1
        site.nth = seen[site.name]
    return found


def mutated(source: str, index: int) -> ast.Module:
    """The tree of a module with one change made."""
    tree = ast.parse(source)
    sites(tree)[index].put()
    return ast.fix_missing_locations(tree)


class _Finder:
    """Walks a module and knows its enumerations and the names of its limits."""

    def __init__(self, tree: ast.Module) -> None:
        self.limits = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[-1] == "limits"
            for alias in node.names
        } - _NOT_NUMBERS
        self.members: dict[str, list[str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr.isupper() and isinstance(node.value, ast.Name):
                known = self.members.setdefault(node.value.id, [])
                if node.attr not in known:
                    known.append(node.attr)

    # -- statements --

    def body(self, owner: ast.AST, name: str, where: str) -> Iterator[Site]:
        """The sites of a list of statements."""
        statements: list[ast.stmt] = getattr(owner, name)
        for at, node in enumerate(statements):
            if not _passed_over(node):
                yield from self._removed(statements, at, where)
                yield from self._statement(node, where)

    def _removed(self, statements: list[ast.stmt], at: int, where: str) -> Iterator[Site]:
        node = statements[at]
        into = isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple)
        kinds = ast.Expr | ast.AugAssign | ast.Raise | ast.Delete | ast.Break | ast.Continue
        if into or isinstance(node, kinds):
            yield _site(where, node, "statement", ast.Pass(), lambda: statements.__setitem__(at, ast.Pass()))

    def _statement(self, node: ast.stmt, where: str) -> Iterator[Site]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = node.name if where == "<module>" else f"{where}.{node.name}"
            yield from self._signature(node, inner)
            yield from self.body(node, "body", inner)
            return
        if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            yield _site(where, node, "result", ast.Return(), lambda: setattr(node, "value", None))
        if isinstance(node, ast.If | ast.While):
            yield from self._negated(node, where)
        if not isinstance(node, ast.Raise):  # the words of an exception are nobody's promise
            yield from self._fields(node, where)

    def _signature(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, where: str) -> Iterator[Site]:
        if isinstance(node, ast.ClassDef):
            for keyword in node.keywords:
                if keyword.arg not in _STYLE_KEYWORDS:
                    yield from self._fields(keyword, where)
            return
        for name in ("defaults", "kw_defaults"):
            values = getattr(node.args, name)
            for at, value in enumerate(values):
                if value is not None:
                    yield from self._expression(value, where, _into(values, at))

    def _fields(self, node: ast.AST, where: str) -> Iterator[Site]:
        """The sites in every child of a node."""
        for name, value in ast.iter_fields(node):
            if name in ("decorator_list", "returns", "targets", "ctx"):
                continue
            if name in ("annotation", "target") and where == "<module>":
                continue
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                yield from self.body(node, name, where)
            elif isinstance(value, list):
                for at, item in enumerate(value):
                    yield from self._child(item, where, _into(value, at))
            elif isinstance(value, ast.AST):
                yield from self._child(value, where, _onto(node, name))

    def _child(self, node: ast.AST, where: str, put: Callable[[ast.AST], None]) -> Iterator[Site]:
        if isinstance(node, ast.expr):
            yield from self._expression(node, where, put)
        elif isinstance(node, ast.ExceptHandler):
            yield from self._handler(node, where)
        elif isinstance(node, ast.comprehension):
            for at, test in enumerate(node.ifs):
                negated = ast.UnaryOp(ast.Not(), test)
                yield _swap(where, test, "boolean", negated, _into(node.ifs, at))
            yield from self._fields(node, where)
        elif isinstance(node, ast.keyword | ast.withitem | ast.match_case):
            yield from self._fields(node, where)

    def _handler(self, node: ast.ExceptHandler, where: str) -> Iterator[Site]:
        goes_on = ast.ExceptHandler(node.type, node.name, [ast.Raise()])
        yield _site(where, node, "handler", goes_on, lambda: setattr(node, "body", [ast.Raise()]))
        if isinstance(node.type, ast.Tuple):
            yield from self._entries(node.type, "elts", where, "handler")
        yield from self.body(node, "body", where)

    # -- expressions --

    def _expression(self, node: ast.expr, where: str, put: Callable[[ast.AST], None]) -> Iterator[Site]:
        for operator, other in self._replacements(node):
            yield _swap(where, node, operator, other, put)
        if isinstance(node, ast.Dict):
            yield from self._dropped_pairs(node, where)
        if isinstance(node, ast.Set | ast.List | ast.Tuple) and isinstance(getattr(node, "ctx", None), ast.Load | None):
            yield from self._entries(node, "elts", where, "entry")
        if isinstance(node, ast.BoolOp):
            yield from self._entries(node, "values", where, "boolean")
        if isinstance(node, ast.IfExp):
            yield from self._negated(node, where)
        if isinstance(node, ast.JoinedStr):
            return
        if isinstance(node, ast.Call):
            yield from self._arguments(node, where)
        if isinstance(node, ast.Subscript):
            yield from self._subscript(node, where)
            return
        if not (isinstance(node, ast.Call) and _text(node.func).endswith((".encode", ".decode")) and _is_word(node)):
            yield from self._fields(node, where)

    def _replacements(self, node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
        """Other expressions in the place of one."""
        if isinstance(node, ast.Compare):
            for at, op in enumerate(node.ops):
                ops = [*node.ops[:at], _COMPARE[type(op)](), *node.ops[at + 1 :]]
                yield "compare", ast.Compare(node.left, ops, node.comparators)
        elif isinstance(node, ast.BoolOp):
            yield "boolean", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            yield "boolean" if isinstance(node.op, ast.Not) else "arithmetic", node.operand
        elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not _is_union(node):
            yield "arithmetic", ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        elif isinstance(node, ast.Constant):
            yield from (("constant", ast.Constant(value)) for value in _constants(node.value))
        elif isinstance(node, ast.Name) and node.id in self.limits and isinstance(node.ctx, ast.Load):
            for way in (ast.Add(), ast.Sub()):
                yield "constant", ast.BinOp(node, way, ast.Constant(1))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.isupper():
            members = self.members[node.value.id]
            other = members[(members.index(node.attr) + 1) % len(members)]
            if other != node.attr:
                yield "entry", ast.Attribute(node.value, other, ast.Load())

    def _negated(self, node: ast.If | ast.While | ast.IfExp, where: str) -> Iterator[Site]:
        test = node.test
        exact = isinstance(test, ast.Compare) and isinstance(
            test.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.In | ast.NotIn
        )
        if not exact and not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            yield _swap(where, test, "boolean", ast.UnaryOp(ast.Not(), test), _onto(node, "test"))

    def _dropped_pairs(self, node: ast.Dict, where: str) -> Iterator[Site]:
        for at, key in enumerate(node.keys):

            def put(at: int = at) -> None:
                del node.keys[at], node.values[at]

            pair = f"{_text(key) if key else '**'}: {_text(node.values[at])}"
            yield Site(where, node.values[at].lineno, "entry", pair, "left out", put)

    def _entries(self, node: ast.AST, name: str, where: str, operator: str) -> Iterator[Site]:
        items: list[ast.expr] = getattr(node, name)
        for at, item in enumerate(items):
            rest = [*items[:at], *items[at + 1 :]]
            before = f"{_text(item)} in {_text(node)}"
            yield Site(where, item.lineno, operator, before, "left out", _sets(node, name, rest))

    def _arguments(self, node: ast.Call, where: str) -> Iterator[Site]:
        """Its arguments in another order, and without one of its keywords."""
        symmetric = _text(node.func).split(".")[-1] in _SYMMETRIC
        for at in range(0 if symmetric else len(node.args) - 1):
            args = [*node.args[:at], node.args[at + 1], node.args[at], *node.args[at + 2 :]]
            if ast.dump(args[at]) != ast.dump(args[at + 1]) and not isinstance(args[at], ast.Starred):
                other = ast.Call(node.func, args, node.keywords)
                yield _site(where, node, "argument", other, _sets(node, "args", args))
        for at, keyword in enumerate(node.keywords):
            if keyword.arg not in _STYLE_KEYWORDS:
                rest = [*node.keywords[:at], *node.keywords[at + 1 :]]
                other = ast.Call(node.func, node.args, rest)
                yield _site(where, node, "argument", other, _sets(node, "keywords", rest))

    def _subscript(self, node: ast.Subscript, where: str) -> Iterator[Site]:
        yield from self._expression(node.value, where, _onto(node, "value"))
        if isinstance(node.slice, ast.Slice):
            for name in ("lower", "upper"):
                if getattr(node.slice, name) is not None:
                    bounds = {**vars(node.slice), name: None}
                    other = ast.Subscript(node.value, ast.Slice(bounds["lower"], bounds["upper"], bounds["step"]))
                    yield _site(where, node, "slice", other, _sets(node.slice, name, None))
            yield from self._fields(node.slice, where)
        elif isinstance(node.slice, ast.Tuple):  # the parts of a type, or of an index
            for at, part in enumerate(node.slice.elts):
                if not isinstance(part, ast.List):  # what a callable takes
                    yield from self._expression(part, where, _into(node.slice.elts, at))
        else:
            yield from self._expression(node.slice, where, _onto(node, "slice"))


def _passed_over(node: ast.stmt) -> bool:
    """Imports, docstrings, what only a type checker reads, and the list of public names."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id == "__all__" or "TypeVar(" in _text(node.value)
    return isinstance(node, ast.Import | ast.ImportFrom)


def _constants(value: object) -> list[int | bytes | str]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, bytes):
        return [value + b"\x01"]
    if isinstance(value, str) and value.count(" ") < 2:  # longer ones are read by people only
        return [value + "!"]
    return []


def _is_union(node: ast.BinOp) -> bool:
    """Whether this is a type: so written, a union is read by nobody at run time."""
    names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    return isinstance(node.op, ast.BitOr) and bool({"bytes", "memoryview", "int", "str", "None"} & {*names})


def _is_word(node: ast.Call) -> bool:
    """Whether all that is handed over is a word: a codec, by any of its names."""
    return bool(node.args) and all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in node.args)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _into(items: list[Any], at: int) -> Callable[[ast.AST], None]:
    return lambda other: items.__setitem__(at, other)


def _onto(node: ast.AST, name: str) -> Callable[[ast.AST], None]:
    return lambda other: setattr(node, name, other)


def _sets(node: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _swap(where: str, node: ast.expr, operator: str, other: ast.expr, put: Callable[[ast.AST], None]) -> Site:
    return _site(where, node, operator, other, lambda: put(other))


def _site(where: str, node: ast.AST, operator: str, other: ast.AST, put: Callable[[], None]) -> Site:
    return Site(where, getattr(node, "lineno", 0), operator, _text(node), _text(other), put)


def _text(node: ast.AST) -> str:
    """A node as one short line."""
    text = " ".join(ast.unparse(ast.fix_missing_locations(_whole(node))).split())
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 3] + "..."


def _whole(node: ast.AST) -> ast.AST:
    """A handler cannot be written down alone."""
    return node if not isinstance(node, ast.ExceptHandler) else ast.Try([ast.Pass()], [node], [], [])
