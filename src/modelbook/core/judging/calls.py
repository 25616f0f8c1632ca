"""What a condition asks of functions. Like the names of metrics, their arguments are written out, never computed."""

from collections.abc import Container, Iterator, Sequence

from modelbook.core.judging.cel import PROXY, REPRODUCED, Token, text_in
from modelbook.core.judging.claims import FORMS, Claim, claim_of
from modelbook.core.reproduction import LEVELS

PROXY_FIELDS = ("sign_agreement", "sign_agreement_low", "spearman", "kendall", "versions")
_PROXY_FORM = 'proxy("perplexity", "satisfaction").sign_agreement'


def levels_in(tokens: Sequence[Token]) -> frozenset[str]:
    """The levels of reproduction that are asked for. Like a metric's name, a level is written, never computed.

    Raises ValueError.
    """
    found = set()
    for i, _, at, called in _uses(tokens, {REPRODUCED}):
        follows = [text for _, text, _ in tokens[i + 1 : i + 4]]
        level = text_in(follows[1]) if called and follows[2:] == [")"] else ""
        if level not in LEVELS:
            known = " or ".join(f'{REPRODUCED}("{one}")' for one in LEVELS)
            raise ValueError(f"at character {at + 1}: write {known}")
        found.add(level)
    return frozenset(found)


def claims_in(tokens: Sequence[Token]) -> tuple[Claim, ...]:
    """What the functions of FORMS are asked, in the order in which it stands there. Raises ValueError."""
    found = []
    for i, word, at, called in _uses(tokens, FORMS):
        try:
            found.append(claim_of(word, _arguments(tokens, i + 2) if called else []))
        except ValueError as error:
            raise ValueError(f"at character {at + 1}: {error}") from None
    return tuple(dict.fromkeys(found))


def proxies_in(tokens: Sequence[Token]) -> frozenset[tuple[str, str]]:
    """The offline and the online metric of each proxy that is asked for. Raises ValueError."""
    found = set()
    for i, _, at, called in _uses(tokens, {PROXY}):
        kinds, words, _ = zip(*tokens[i + 1 : i + 8], ("end", "", 0), strict=True)
        shape = [text if sort == "operator" else sort for sort, text in zip(kinds, words, strict=True)]
        if not called or shape[:7] != ["(", "string", ",", "string", ")", ".", "name"]:
            raise ValueError(f"at character {at + 1}: write {_PROXY_FORM}")
        if words[6] not in PROXY_FIELDS:
            raise ValueError(f"at character {at + 1}: a proxy has {', '.join(PROXY_FIELDS)}, as in {_PROXY_FORM}")
        found.add((text_in(words[1]), text_in(words[3])))
    return frozenset(found)


def _uses(tokens: Sequence[Token], functions: Container[str]) -> Iterator[tuple[int, str, int, bool]]:
    """Where functions are named: place among the tokens, name, offset, and whether it is called as it should be.

    Behind a dot stands a metric of that name, say, unless it is called; that is no call of the function either.
    """
    for i, (kind, word, at) in enumerate(tokens):
        member = bool(i) and tokens[i - 1][1] == "."
        called = [text for _, text, _ in tokens[i + 1 : i + 2]] == ["("]
        if kind == "name" and word in functions and (called or not member):
            yield i, word, at, called and not member


def _arguments(tokens: Sequence[Token], at: int) -> list[str | float]:
    """The literals from `at` to the closing bracket; none where anything else stands between them."""
    found: list[str | float] = []
    for (kind, word, _), (_, comma, _) in zip(tokens[at::2], tokens[at + 1 :: 2], strict=False):
        if kind not in {"string", "number"} or comma not in {",", ")"}:
            return []
        found.append(text_in(word) if kind == "string" else _number_in(word))
        if comma == ")":
            return found
    return []


def _number_in(word: str) -> float:
    try:
        return float(word)
    except ValueError:  # 0x1f, 7u
        raise ValueError(f"{word}: write the number with a point, as in 0.95") from None
