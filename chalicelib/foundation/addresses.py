"""Checks the addresses of webhooks and pushes, and to which IP addresses Greenroom connects.

An address that somebody gives is a wish to make this deployment call something. So only names are
taken, over TLS at port 443; what a name resolves to is checked each time, and the connection is
made to the very address that was checked. `test_networks`, empty unless a deployment is for tests,
lists networks in which anything may be called, in plain HTTP and at any port too.
"""

import re
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from chalicelib.foundation.settings import Network
from chalicelib.foundation.values import dataclass

MAX_URL = 1000
HTTPS_PORT = 443
_URL_PATTERN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)
"""An address that all parsers read alike: no user, no backslash, no fragment, nothing invisible."""

_HOST_NAME_PATTERN = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
)
"""A host name with a dot whose last label begins with a letter: no form of a number is one."""

_INTERNAL_SUFFIXES = (".internal", ".local", ".localhost", ".localdomain", ".home.arpa", ".onion")
_PROTOCOL_NETWORKS = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_TUNNEL_NETWORKS = (
    IPv6Network("2001::/23"),  # Teredo and others that IANA keeps for protocols
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),  # 6to4, which holds an IPv4 address
    IPv6Network("3fff::/20"),
)


class AddressRefused(Exception):
    """Nothing is sent to the address; `code` says why, the words for a person."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


@dataclass(frozen=True)
class Address:
    """An address, taken apart."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def shown(self) -> str:
        """Return what may be shown of it: the path of an address of Slack or Teams is a secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        tail = self.target[-4:] if len(self.target) > len("/12345678") else ""
        return f"{self.scheme}://{host}/…{tail}"

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": HTTPS_PORT, "http": 80}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"


def parse(url: str, own_hosts: Collection[str], test_networks: Sequence[Network] = ()) -> Address:
    """Take an address apart. Raises `AddressRefused`.

    `own_hosts` are those of this stack, as `name` or `name:port`.
    """
    found = _URL_PATTERN.fullmatch(url) if len(url) <= MAX_URL else None
    if found is None:
        raise AddressRefused(
            "not_an_address", "This is no web address: https://, a host name, and a path."
        )
    scheme, host = found["scheme"], found["host"].lower().strip("[]")
    port = int(found["port"] or {"https": HTTPS_PORT, "http": 80}[scheme])
    target = found["target"] or "/"
    if target.startswith("?"):
        target = f"/{target}"
    address = Address(scheme, host, port, target)
    if any(_is_own_host(address, each) for each in own_hosts):
        raise AddressRefused("own_address", "This is Greenroom's own address.")
    if _is_in(host, test_networks) and port:
        return address
    if scheme != "https":
        raise AddressRefused("not_https", "The address must begin with https://.")
    if port != HTTPS_PORT:
        raise AddressRefused("wrong_port", "The address must be at port 443, that of https.")
    if not _HOST_NAME_PATTERN.fullmatch(host) or f".{host}".endswith(_INTERNAL_SUFFIXES):
        raise AddressRefused(
            "inner_address", "The address must have the name of a host on the internet."
        )
    return address


def _is_own_host(address: Address, own: str) -> bool:
    """Return whether an address is at a host of this stack, `name` or `name:port`.

    With a port it is another service of a machine: a laptop's, which has several names for itself.
    """
    host, _, port = own.partition(":")
    if not port:
        return address.host == host
    same = address.host == host or (_is_loopback(address.host) and _is_loopback(host))
    return same and address.port == int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_reachable(resolved: str, test_networks: Sequence[Network] = ()) -> None:
    """Check an IP address that a name resolved to. Raises `AddressRefused`."""
    if _is_in(resolved, test_networks):
        return
    try:
        found = ip_address(resolved)
    except ValueError:
        found = None
    if found is None or not _is_public(found):
        raise AddressRefused("inner_address", "The name leads into a network that is not public.")


def _is_in(host: str, networks: Sequence[Network]) -> bool:
    if not networks:
        return False
    try:
        found = ip_address(host)
    except ValueError:
        return False
    return any(found in each for each in networks)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in each for each in _PROTOCOL_NETWORKS)
    return (
        address in _GLOBAL_IPV6
        and address.scope_id is None
        and not any(address in each for each in _TUNNEL_NETWORKS)
    )
