"""The address that a server listens on: had before anything else is done, or in words why not."""

import errno
import socket

from region_heads.errors import RegionHeadsError, explain


def bound(host: str, port: int) -> socket.socket:
    """A socket that has the address, and does not listen yet; port 0 takes any that is free.

    Raises:
        RegionHeadsError: It is not available.
    """
    found = None
    try:
        (family, kind, protocol, _, place), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(place)
    except (OSError, UnicodeError) as error:
        if found is not None:
            found.close()
        why = explain(error)
        if isinstance(error, socket.gaierror | UnicodeError):
            why = "no such address; give a name or address of this machine"
        elif isinstance(error, OSError) and error.errno == errno.EACCES:
            why = "this user may not have this port; choose one above 1023"
        raise RegionHeadsError(f"--host {host} --port {port}: {why}") from None
    return found


def address(host: str, port: int) -> str:
    """For a browser."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
