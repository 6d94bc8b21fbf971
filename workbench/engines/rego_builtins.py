r"""Which built-ins a policy may use, and where it uses one that it may not.

The embedded engine takes only what gave OPA's answer in every one of OPA's own published conformance cases
that call it (v1.22.3); `PROVEN` says in how many. A case that the interpreter cannot even load speaks
neither for nor against, since such a policy is refused with its line. Not taken, whatever the cases say, is
what reaches outside or reads a clock, what orders values of different kinds unlike OPA, and a template string
(`$"{…}"`), on either engine: what it runs stands inside a text, where nobody looks. Nor does the embedded engine
take a rule that is called like a function and is none: the interpreter aborts on it ("no field rego-ruleargs"), or
says yes where the name is both; to OPA it is an error when the policy is loaded.

>>> refusal("package m\nallow if time.now_ns() > 0")
Refusal(name='time.now_ns', line=2, why='a policy reads no clock but input.now; the input gives ages in days')
>>> refusal("package m\nallow if count(input.reasons) == 0")
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

CASES_PASSED = """
    abs:4 array.concat:3 array.flatten:6 array.reverse:5 array.slice:8 base64.decode:4 base64.encode:3
    base64.is_valid:2 base64url.decode:2 base64url.encode:2 base64url.encode_no_pad:5 bits.and:3 bits.lsh:5
    bits.negate:2 bits.or:3 bits.rsh:3 bits.xor:3 ceil:5 concat:7 contains:7 count:46 crypto.hmac.equal:5
    crypto.hmac.md5:2 crypto.hmac.sha1:2 crypto.hmac.sha256:2 crypto.hmac.sha512:2 crypto.md5:1 crypto.sha1:1
    crypto.sha256:1 endswith:2 floor:6 glob.match:45 glob.quote_meta:1 graph.reachable:7 graph.reachable_paths:13
    hex.decode:2 hex.encode:1 indexof:8 indexof_n:5 intersection:5 is_array:2 is_boolean:4 is_null:2 is_number:4
    is_object:2 is_set:2 is_string:5 json.filter:12 json.is_valid:2 json.marshal:3 json.marshal_with_options:9
    json.patch:7 json.remove:26 lower:1 numbers.range:17 numbers.range_step:8 object.filter:20 object.get:17
    object.keys:7 object.remove:21 object.subset:16 object.union:13 object.union_n:11
    regex.find_all_string_submatch_n:8 regex.find_n:8 regex.globs_match:6 regex.is_valid:3 regex.match:6
    regex.replace:11 regex.split:7 regex.template_match:2 replace:4 round:3 split:29 sprintf:20 startswith:8
    strings.any_prefix_match:33 strings.any_suffix_match:33 strings.count:8 substring:12 to_number:21 trim:30
    trim_left:2 trim_prefix:2 trim_right:2 trim_space:2 trim_suffix:2 type_name:7 union:5 units.parse:70
    units.parse_bytes:67 upper:1 urlquery.decode:1 urlquery.decode_object:3 urlquery.encode:2
    urlquery.encode_object:5 walk:12 yaml.is_valid:3 yaml.marshal:1 yaml.unmarshal:2
"""
OTHERS = """
    all any cast_array cast_boolean cast_null cast_object cast_set cast_string crypto.parse_private_keys
    crypto.x509.parse_and_verify_certificates crypto.x509.parse_and_verify_certificates_with_options
    crypto.x509.parse_certificate_request crypto.x509.parse_certificates crypto.x509.parse_keypair
    crypto.x509.parse_rsa_private_key format_int graphql.is_valid graphql.parse graphql.parse_and_verify
    graphql.parse_query graphql.parse_schema graphql.schema_is_valid http.send io.jwt.decode io.jwt.decode_verify
    io.jwt.encode_sign io.jwt.encode_sign_raw io.jwt.verify_eddsa io.jwt.verify_es256 io.jwt.verify_es384
    io.jwt.verify_es512 io.jwt.verify_hs256 io.jwt.verify_hs384 io.jwt.verify_hs512 io.jwt.verify_ps256
    io.jwt.verify_ps384 io.jwt.verify_ps512 io.jwt.verify_rs256 io.jwt.verify_rs384 io.jwt.verify_rs512
    json.match_schema json.unmarshal json.verify_schema max min net.cidr_contains net.cidr_contains_matches
    net.cidr_expand net.cidr_intersects net.cidr_is_valid net.cidr_merge net.cidr_overlap net.lookup_ip_addr
    opa.runtime print product providers.aws.sign_req rand.intn re_match rego.metadata.chain rego.metadata.rule
    rego.parse_module semver.compare semver.is_valid set_diff sort sum strings.render_template strings.replace_n
    strings.reverse strings.split_n time.add_date time.clock time.date time.diff time.format time.now_ns
    time.parse_duration_ns time.parse_ns time.parse_rfc3339_ns time.weekday trace uri.is_valid uri.parse uuid.parse
    uuid.rfc4122
"""  # what OPA or the interpreter has beside these
PROVEN = {name: int(cases) for name, _, cases in (word.partition(":") for word in CASES_PASSED.split())}
KNOWN = frozenset(OTHERS.split())
OUTSIDE = {  # families that no policy may use on any engine
    "http.": "a policy reaches no network",
    "net.lookup": "a policy reaches no network",
    "opa.": "it shows the process to the policy",
    "rand.": "a policy throws no dice",
    "uuid.rfc4122": "a policy throws no dice",
    "time.now_ns": "a policy reads no clock but input.now; the input gives ages in days",
    "io.jwt.decode_verify": "it reads the clock; signed tokens are no evidence",
    "io.jwt.encode_sign": "a policy signs nothing",
    "internal.": "it belongs to the engine",
    "print": "a policy prints nothing; a reason's message tells what it must",
    "trace": "a policy prints nothing; a reason's message tells what it must",
}
DIFFERS = {  # families that the embedded engine does not have, and why
    "time.": "it parses dates unlike OPA; compare the ages in days that the input gives",
    "min": "it orders values of different kinds unlike OPA",
    "max": "it orders values of different kinds unlike OPA",
    "sum": "it gives nothing where OPA stops with an error; add the numbers one by one",
    "product": "it gives nothing where OPA stops with an error",
    "sort": "it orders values of different kinds unlike OPA",
}
SWITCH = 'choose OPA for it: policy_engine = "opa" in workbench.toml'
COMMENT_OR_TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"|`[^`]*`|#[^\n]*')
FAMILIES = frozenset(name.partition(".")[0] for name in KNOWN if "." in name) | {"internal"}
NAME = r"[A-Za-z_]\w*"
PATH = re.compile(rf"(?<![\w.]){NAME}(?:\s*\.\s*{NAME})*(?=\s*([(\[])?)")
DECLARED = re.compile(r"^(\s*package\s+)([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", re.MULTILINE)
HEAD = re.compile(rf"^(?:default[ \t]+)?({NAME})(?![\w.])(?![ \t]*\()", re.MULTILINE)  # of a rule that is no function
NO_HEADS = frozenset({"package", "import", "default", "else", "not", "some", "every"})
LOOK_BACK = 80  # characters before a name in which `as` may stand
REPLACED = re.compile(r"\bas\s+$")


class Refusal(NamedTuple):
    """A built-in that a policy may not use."""

    name: str
    line: int
    why: str


@lru_cache(maxsize=64)
def refusal(source: str, package: str = "", *, embedded: bool = True) -> Refusal | None:
    """The first thing that a policy uses and may not, or calls and cannot; comments and texts are left aside.

    Args:
        source: The policy's text.
        package: Its package, whose data it may read.
        embedded: Whether the embedded engine is to run it; OPA has all its own, but none may reach outside.
    """
    code = without_words(source)
    template = code.find("$")
    if template >= 0:  # $"{opa.runtime()}": what stands in its braces is run
        why = "what it runs cannot be seen; use sprintf"
        return Refusal("a template string", code.count("\n", 0, template) + 1, why)
    values = _values(code) if embedded else {}
    for found in PATH.finditer(code):
        path = re.sub(r"\s", "", found[0])
        replaces = REPLACED.search(code[max(0, found.start() - LOOK_BACK) : found.start()]) is not None
        refused = _refused(path, found[1], replaces, embedded)
        if path.partition(".")[0] == "data" and not f"{found[0]}.".startswith(f"data.{package or '.'}."):
            refused = path, "a policy sees no data but its input and its own package"
        if found[1] == "(" and path in values and (found.start() and code[found.start() - 1] != "\n"):
            refused = path, f"it is called like a function, and line {values[path]} says that it is none"
        if refused is not None:
            return Refusal(refused[0], code.count("\n", 0, found.start()) + 1, refused[1])
    return None


def without_words(source: str) -> str:
    """The text with blanks where its comments and texts are; every place keeps its number.

    >>> without_words('x := "no" # yes')
    'x :=           '
    """
    return COMMENT_OR_TEXT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source)


def own_package(source: str, package: str, name: str) -> str:
    r"""A policy's text in a package of its own; its lines keep their numbers.

    >>> print(own_package("package m\nallow if data.m.good\ngood := \"data.m\"", "m", "p1"))
    package workbench.p1.rules.m
    allow if data.workbench.p1.rules.m.good
    good := "data.m"
    """
    code, moved = without_words(source), f"workbench.{name}.rules."
    declared = DECLARED.search(code)
    places = [found.end() for found in re.finditer(rf"(?<![\w.])data\.(?={re.escape(package)}\b)", code)]
    places += [declared.start(2)] if declared else []
    for place in sorted(places, reverse=True):
        source = source[:place] + moved + source[place:]
    return source


def _values(code: str) -> dict[str, int]:
    """The rules that are no functions, by name, each with its first line."""
    found: dict[str, int] = {}
    for head in HEAD.finditer(code):
        if head[1] not in NO_HEADS:
            found.setdefault(head[1], code.count("\n", 0, head.start()) + 1)
    return found


def _refused(path: str, follows: str | None, replaces: bool, embedded: bool) -> tuple[str, str] | None:
    # a path counts as a built-in where it is called, where `with … as` names it, or where it is a whole dotted one
    called = follows == "(" or replaces or "." in path
    if called and path in PROVEN:
        return None
    if called and (path in KNOWN or path.startswith("internal.")):
        why = _family(path, OUTSIDE) or (_family(path, DIFFERS) if embedded else None)
        if why is not None:
            return path, why
        return (path, f"the embedded engine was not proven equal to OPA on it; {SWITCH}") if embedded else None
    if follows == "[" and path in FAMILIES:  # opa["runtime"]: what it names cannot be read
        return path, "a built-in is called by its name, and a variable may not have the name of a family of them"
    return None


def _family(path: str, reasons: dict[str, str]) -> str | None:
    return next((why for start, why in reasons.items() if path == start or path.startswith(start)), None)
