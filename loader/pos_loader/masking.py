"""Masking takes secrets out of every text: users and passwords of addresses, and every password once read.

A message may quote an address that no parser understands: in quotes, after a blank, with a mistyped scheme,
or with a password that is not percent-encoded. So nothing is parsed here. In an address, everything before
the last `@` is hidden; in other text, everything between `scheme:/` and the last `@` of a word is hidden.
"""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
SHORTEST = 6
"""Shorter passwords are not hidden: they are words such as `pos`, which are in many lines."""

_SCHEME = re.compile(r"\A\s*['\"`]?[A-Za-z][A-Za-z0-9+.-]{0,20}:/+")
_ADDRESS = re.compile(r"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9+.-]*:/+)[^\s]*@")
_BARE = re.compile(r"(?<![^\s'\"`(])[^\s'\"`(:@/]+:(?!/)[^\s]+@(?=[A-Za-z0-9\[])")
_OPTION = re.compile(
    r"([\w.]*(?:passw|pwd|secret|token|authMechanismProperties|credential)\w*=)[^&;\s'\"]*", re.IGNORECASE
)
_HOSTS = re.compile(r"(?:[\w.%-]+|\[[0-9A-Fa-f:.%]+\])(?::\d{0,5})?")
_known: set[str] = set()


def remember(secret: str) -> None:
    """Hide this secret in every text from now on, in every way of escaping; a short one stays visible."""
    if len(secret) >= SHORTEST:
        spellings = (secret, unquote(secret), quote(secret), quote(secret, safe=""), quote_plus(secret))
        _known.update(filter(lambda each: len(each) >= SHORTEST, spellings))


def remember_address(address: str) -> None:
    """Hide the user and the password of this address in every text from now on."""
    user, found, _ = _SCHEME.sub("", address).rpartition("@")
    if found:
        remember(user)
        remember(user.partition(":")[2])


def masked(text: str) -> str:
    """Hide the secrets in a text that may quote addresses, commands or settings."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _ADDRESS.sub(rf"\1{HIDDEN}@", text)
    text = _BARE.sub(f"{HIDDEN}@", text)
    return _OPTION.sub(rf"\1{HIDDEN}", text)


def masked_address(address: str) -> str:
    """Hide the secrets in an address, well-formed or not: all before the last `@`, and secret options.

    Text that cannot be a host is hidden too: it may be a password without an `@` after it.

    >>> masked_address("'mongodb:/ann:pa@ss/w@shop:27017/?tls=true'")
    "'mongodb:/***@shop:27017/?tls=true'"
    >>> masked_address("mongodb://ann:secret/shop")
    'mongodb://***/shop'
    """
    scheme = _SCHEME.match(address)
    head = scheme[0] if scheme else ""
    rest = address[len(head) :]
    _, found, place = rest.rpartition("@")
    hosts, *path = re.split(r"(?=[/?])", place, maxsplit=1)
    quoted = hosts.rstrip("'\"` \t\r\n")
    if quoted and not found and not all(_HOSTS.fullmatch(each) for each in quoted.split(",")):
        hosts = HIDDEN
    user = f"{HIDDEN}@" if found else ""
    return _OPTION.sub(rf"\1{HIDDEN}", "".join((head, user, hosts, *path)))
