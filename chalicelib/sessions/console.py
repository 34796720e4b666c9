"""The browser's side of a session: cookies, origins, the address behind the distribution."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from chalicelib.foundation.origins import ViewerAddresses
from chalicelib.foundation.values import dataclass
from chalicelib.sessions.cookies import SessionCookies
from chalicelib.sessions.service import SessionService


@dataclass(frozen=True)
class ConsoleSessions:
    """Sessions of a console at the origin of `public_url`, which is the API's address there.

    The distribution in front of both adds the address of the viewer, which `origins` reads.
    """

    service: SessionService
    cookies: SessionCookies
    public_url: str
    origins: ViewerAddresses

    def is_own_site(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request can be one of our own pages', or of no page at all.

        Browsers set `Sec-Fetch-Site` themselves: `same-origin` for our pages, `none` for what a
        person does in the address bar. Those that do not know it name the `Origin` of a POST.
        """
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        origin = headers.get("origin")
        own = urlsplit(self.public_url)
        return origin is None or origin == f"{own.scheme}://{own.netloc}"

    def viewer_address(self, source_address: str, headers: Mapping[str, str]) -> str:
        """Return the network address that a request began at."""
        return self.origins.viewer_address(source_address, headers)
