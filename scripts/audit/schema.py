"""All mutants of the contracts in one build, and probes that tell where a call came through.

Compiling the escrow takes tens of seconds, and there are more than a thousand mistakes to make. So every place becomes
`(auditIs(17) ? mistake : right)`: one compilation, then a mutant costs no more than its tests. (Untch, Offutt,
Harrold: mutation analysis using mutant schemata, 1993.) `auditIs(n)` reads call data n bytes before the last place
that there can be: 0 on every chain but scripts/audit/chain.js, which notes n and answers 1 to the mutant that was
chosen. Statements and conditions report by copying nothing from there, so that who ran what is known exactly and not
derived from source maps.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.audit.compiler import AST, CODE, PLAIN, Compiler, Node, errors_in, nodes_of, sources_now
from scripts.audit.guilt import guilty_in
from scripts.audit.operators import changes_of
from scripts.audit.places import FUNCTIONS, is_statement, place_of, probed_condition


@dataclass(frozen=True)
class Mutant:
    """One mistake in one place."""

    number: int
    file: str
    line: int
    start: int
    """Of what is changed, in bytes of the file."""
    within: str
    """The function it is in; of a constant, its name."""
    operator: str
    original: str
    changed: str

    def __str__(self) -> str:
        original, changed = " ".join(self.original.split()), " ".join(self.changed.split())
        return f"{self.file}:{self.line} {self.operator}: `{original}` → `{changed or 'nothing'}`"


@dataclass(frozen=True)
class Probe:
    """A statement, or one way that a condition can go."""

    number: int
    file: str
    line: int
    text: str
    goes: bool | None
    """Of a condition: the value; of a statement: none."""


@dataclass
class Place:
    """A node that is written with its alternatives and its probe."""

    start: int
    end: int
    cast: str | None = None
    """Type of an expression's alternatives; none for a statement."""
    alternatives: list[tuple[int, str]] = field(default_factory=list)
    hit: int = 0
    """Number of the statement's probe."""
    saw: int = 0
    """Number of the condition's probe for false; one more for true."""
    bare: bool = False
    """A statement without braces around."""


class Source:
    """One file's text and the places in it."""

    def __init__(self, file: str, text: str):
        self.file, self.bytes = file, text.encode()
        self.places: dict[tuple[int, int], Place] = {}

    def text(self, start: int, end: int) -> str:
        """What stands between two bytes."""
        return self.bytes[start:end].decode()

    def text_of(self, raw: Mapping[str, Any]) -> str:
        """What a node of the tree stands for."""
        start, length, _ = map(int, raw["src"].split(":"))
        return self.text(start, start + length)

    def line(self, start: int) -> int:
        """Line of a byte, from 1."""
        return self.bytes[:start].count(b"\n") + 1

    def end_of(self, node: Node) -> int:
        """Of a statement with its semicolon, which trees leave out."""
        return node.end + (self.bytes[node.end : node.end + 1] == b";")

    def place(self, start: int, end: int, cast: str | None) -> Place:
        """The place there, made if there was none."""
        return self.places.setdefault((start, end), Place(start, end, cast))

    def render(self, left_out: frozenset[int]) -> str:
        """The source with its probes and every mutant but those left out."""
        places = sorted(self.places.values(), key=lambda place: (place.start, -place.end))
        return self._emit(0, len(self.bytes), places, left_out) + FUNCTIONS

    def _emit(self, start: int, end: int, places: Sequence[Place], left_out: frozenset[int]) -> str:
        parts, at, index = [], start, 0
        while index < len(places):
            place = places[index]
            inner = index + 1
            while inner < len(places) and places[inner].end <= place.end:
                inner += 1
            content = self._emit(place.start, place.end, places[index + 1 : inner], left_out)
            parts += [self.text(at, place.start), _written(place, content, left_out)]
            at, index = place.end, inner
        return "".join([*parts, self.text(at, end)])


def _written(place: Place, content: str, left_out: frozenset[int]) -> str:
    for number, text in place.alternatives:
        if number in left_out:
            continue
        if place.cast is None:
            content = f"{{ if (auditIs({number})) {{ /*<{number}*/{text}/*>{number}*/ }} else {{ {content} }} }}"
        else:
            changed = f"/*<{number}*/{place.cast}({text})/*>{number}*/"
            content = f"(auditIs({number}) ? {changed} : {place.cast}({content}))"
    if place.saw:
        content = f"auditSaw({place.saw}, {content})"
    if place.hit:
        content = f"auditHit({place.hit}); {content}"
    return f"{{ {content} }}" if place.bare else content


class Schema:
    """Mutants of some files and probes of some files, not yet compiled."""

    def __init__(
        self, sources: Mapping[str, str], trees: Mapping[str, Any], mutated: Sequence[str], probed: Sequence[str]
    ):
        self.mutants: list[Mutant] = []
        self.probes: list[Probe] = []
        self._next = 1
        self._sources = {file: Source(file, text) for file, text in sources.items()}
        nodes = {file: list(nodes_of(trees[file]["ast"])) for file in sources}
        self._uses = _uses_of(nodes)
        for file in probed:
            self._probe(self._sources[file], nodes[file])
        for file in mutated:
            self._mutate(self._sources[file], nodes[file])

    def render(self, left_out: frozenset[int]) -> dict[str, str]:
        """Every file with what was put in."""
        return {
            file: source.render(left_out) if source.places else source.bytes.decode()
            for file, source in self._sources.items()
        }

    def _take(self, count: int = 1) -> int:
        self._next += count
        return self._next - count

    def _probe(self, source: Source, nodes: Iterable[Node]) -> None:
        for node in nodes:
            text, line = source.text(node.start, node.end), source.line(node.start)
            if is_statement(node):
                place = source.place(node.start, source.end_of(node), None)
                place.hit, place.bare = self._take(), node.field != "statements"
                self.probes.append(Probe(place.hit, source.file, line, text, None))
            elif probed_condition(node):
                place = source.place(node.start, node.end, "bool")
                place.saw = self._take(2)
                self.probes += [Probe(place.saw + goes, source.file, line, text, bool(goes)) for goes in (0, 1)]

    def _mutate(self, source: Source, nodes: Iterable[Node]) -> None:
        for node in nodes:
            for operator, changed in changes_of(node, source.text(node.start, node.end), source.text_of):
                number = self._take()
                if self._change(source, node, changed, number):
                    self.mutants.append(
                        Mutant(number, source.file, source.line(node.start), node.start, _name_around(node), operator,
                               source.text(node.start, node.end), changed)
                    )  # fmt: skip

    def _change(self, source: Source, node: Node, changed: str, number: int) -> bool:
        """Write the change where it takes effect; false if there is no such place."""
        constant = node.enclosing("VariableDeclaration")
        if constant is not None and constant.raw.get("constant"):
            start, length, _ = map(int, constant.raw["value"]["src"].split(":"))
            whole = source.text(start, node.start) + changed + source.text(node.end, start + length)
            uses = self._uses.get(constant.raw["id"], [])
            for file, use in uses:
                place = self._sources[file].place(use.start, use.end, constant.type)
                place.alternatives.append((number, f"({whole})"))
            return bool(uses)
        found = place_of(node)
        if found is None:
            return False
        at, cast = found
        end = source.end_of(at) if cast is None else at.end
        whole = source.text(at.start, node.start) + changed + source.text(node.end, end)
        source.place(at.start, end, cast).alternatives.append((number, "" if at is node and not changed else whole))
        return True


def _name_around(node: Node) -> str:
    around = node.enclosing("FunctionDefinition", "VariableDeclaration", "ContractDefinition")
    return (around.raw.get("name") or around.raw.get("kind", "")) if around else ""


def _uses_of(nodes: Mapping[str, Iterable[Node]]) -> dict[int, list[tuple[str, Node]]]:
    """Where each declaration is read, in which file."""
    uses: dict[int, list[tuple[str, Node]]] = {}
    for file, those in nodes.items():
        for node in those:
            if node.kind in ("Identifier", "MemberAccess") and node.enclosing("VariableDeclaration") is None:
                uses.setdefault(node.raw.get("referencedDeclaration"), []).append((file, node))
    return uses


@dataclass(frozen=True)
class Build:
    """The contracts with everything put in: creation bytecode by name, the mutants, the probes."""

    bytecode: dict[str, str]
    mutants: list[Mutant]
    invalid: list[Mutant]
    """Those that do not compile."""
    probes: list[Probe]


def build(mutated: Sequence[str], probed: Sequence[str], contracts: Mapping[str, str]) -> Build:
    """Compile `contracts` (name: file) with every mutant of `mutated` and the probes of `probed`."""
    originals = sources_now()
    with Compiler() as compiler:
        schema = Schema(originals, compiler.compile(originals, AST)["sources"], mutated, probed)
        left_out: frozenset[int] = frozenset()
        while True:
            texts = schema.render(left_out)
            found = errors_in(compiler.compile(texts, AST))
            if not found:
                break
            guilty = frozenset(number for error in found for number in guilty_in(texts, error))
            if not guilty - left_out:
                raise RuntimeError(found[0]["formattedMessage"])
            left_out |= guilty
        answer = compiler.compile(texts, {file: {name: CODE} for name, file in contracts.items()}, PLAIN)
    if errors_in(answer):
        raise RuntimeError(errors_in(answer)[0]["formattedMessage"])
    # Without the optimiser the address of an internal library is looked up where it is named, and never used.
    codes = {name: answer["contracts"][file][name]["evm"]["bytecode"]["object"] for name, file in contracts.items()}
    return Build(
        {name: re.sub(r"__\$\w{34}\$__", "00" * 20, code) for name, code in codes.items()},
        [mutant for mutant in schema.mutants if mutant.number not in left_out],
        [mutant for mutant in schema.mutants if mutant.number in left_out],
        schema.probes,
    )
