"""Client addresses of requests, also behind the CloudFront distribution."""

import hmac
from collections.abc import Mapping

from chalicelib.foundation.values import dataclass

ORIGIN_KEY = "x-origin-key"


@dataclass(frozen=True)
class ViewerAddresses:
    """Determines a request's client address from data that no client can forge.

    The distribution in front of console and API proves by `origin_key` that a request came through
    it. Only then `X-Forwarded-For` is looked at, and of it only what the distribution itself put
    there; else the address is the one that API Gateway saw (`requestContext.identity.sourceIp`).
    """

    origin_key: str

    def viewer_address(self, source_address: str, headers: Mapping[str, str]) -> str:
        """Return the network address that a request began at."""
        key = headers.get(ORIGIN_KEY, "")
        proven = bool(self.origin_key) and hmac.compare_digest(
            key.encode(), self.origin_key.encode()
        )
        return viewer_address(
            source_address, headers.get("x-forwarded-for", ""), by_distribution=proven
        )


def viewer_address(source: str, forwarded_for: str, *, by_distribution: bool) -> str:
    """Return the address that a request began at.

    `source` is who called the gateway. For a request that proves to come by our distribution that
    is the distribution, and the viewer is what the distribution put at the end of
    `X-Forwarded-For`, before what the gateway put there; what stands further left is anybody's.
    """
    if not by_distribution:
        return source
    chain = [each.strip() for each in forwarded_for.split(",") if each.strip()]
    if chain and chain[-1] == source:
        chain.pop()
    return chain[-1] if chain else source
