"""One address of a person, reached by apprise, which is loaded only where an address is configured."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apprise import NotifyBase

INSTALL = 'notify.urls is set, but apprise is not installed: pip install "vortex[notify]"'
LONGEST_SCHEME = 20


class AddressError(Exception):
    """An address cannot be used; `str(error)` is one line without the address, which may hold a token."""


class AppriseAddress:
    """Sends texts to one address; a request gives up after some seconds (apprise: 4 s to connect, 4 s to read).

    Attributes:
        name: How it is called in logs: its place in the list and its scheme, nothing of what is secret.
    """

    def __init__(self, plugin: NotifyBase, name: str) -> None:
        self._plugin = plugin
        self.name = name

    def send(self, text: str) -> str | None:
        """Send a text; the reason when it was not taken. Blocks for as long as the receiver lets it wait."""
        try:
            taken = self._plugin.notify(body=text)
        except Exception as error:  # noqa: BLE001  # one of hundreds of plugins; nothing of it may end the thread
            return type(error).__name__  # its text may hold the address
        return None if taken else "not delivered"


def open_addresses(urls: Sequence[str]) -> list[AppriseAddress]:
    """An object for every address; nothing is sent yet.

    Raises:
        AddressError: apprise is not installed, or does not know an address.
    """
    if not urls:
        return []
    try:
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415  # optional, and it takes half a second to load
    except ImportError as error:
        raise AddressError(INSTALL) from error
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # what it says holds addresses
    asset = AppriseAsset(app_id="VORTEX-7", app_desc="VORTEX-7", async_mode=False)
    found = []
    with warnings.catch_warnings(action="ignore"):  # it loads every plugin, and some load what is deprecated
        for number, url in enumerate(urls, 1):
            plugin = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
            name = f"notify.urls {number} ({_scheme(url)})"
            if plugin is None:
                raise AddressError(f"{name}: apprise does not know such an address")
            found.append(AppriseAddress(plugin, name))
    return found


def _scheme(url: str) -> str:
    scheme, mark, _ = url.partition("://")
    return scheme if mark and scheme.isalnum() and len(scheme) <= LONGEST_SCHEME else "?"
