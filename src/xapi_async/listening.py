"""The addresses of the settings as listeners, with the certificate of those that speak TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from xapi_async.config import ConfigError
from xapi_async.settings import ServerSettings
from xapi_async.wire.app import Listener, LocalListener
from xapi_async.wire.tls import certificates_in, self_signed, server_context


@dataclass
class Listening:
    """What the server listens on. context: how all TLS listeners speak, None where there are none.

    certificate: what they present, as PEM, without its key; empty where there are none.
    """

    listeners: tuple[Listener | LocalListener, ...]
    context: ssl.SSLContext | None
    certificate: str = ""

    def renew(self, settings: ServerSettings) -> None:
        """Read the certificate anew; connections from now on get it. Raises ConfigError, and then the old one stays."""
        if self.context is not None and (settings.certificate or settings.database):
            files = _certificate_files(settings)
            _context(files)  # what is wrong with the files must show before the context in use has them
            self.context.load_cert_chain(*files)
            self.certificate = certificates_in(files[0])


def listening(settings: ServerSettings) -> Listening:
    """What the settings say to listen on. It reads and may write files. Raises ConfigError."""
    context, certificate = _certified(settings) if settings.tls_listen else (None, "")
    listeners: list[Listener | LocalListener] = [Listener(*_address(text)) for text in settings.listen]
    listeners += [Listener(*_address(text), context) for text in settings.tls_listen]
    if settings.unix_socket:
        listeners.append(LocalListener(Path(settings.unix_socket)))
    if not listeners:
        raise ConfigError("server: there is nothing to listen on; give listen, tls_listen or unix_socket")
    return Listening(tuple(listeners), context, certificate)


def _certified(settings: ServerSettings) -> tuple[ssl.SSLContext, str]:
    """How TLS is spoken, and the certificate that is presented."""
    if settings.certificate or settings.database:
        files = _certificate_files(settings)
        return _context(files), certificates_in(files[0])
    # A server that keeps nothing leaves no certificate behind either.
    with TemporaryDirectory(prefix="xapi-async-") as folder:
        files = self_signed(Path(folder), datetime.now(UTC))
        return _context(files), certificates_in(files[0])


def _certificate_files(settings: ServerSettings) -> tuple[Path, Path]:
    if settings.certificate:
        return Path(settings.certificate), Path(settings.certificate_key or settings.certificate)
    folder = Path(settings.database).absolute().parent
    try:
        return self_signed(folder, datetime.now(UTC))
    except OSError as error:
        raise ConfigError(
            f"{folder}: no certificate can be made there: {error.strerror}; give server.certificate, or no tls_listen"
        ) from None


def _context(files: tuple[Path, Path]) -> ssl.SSLContext:
    for file in files:
        if not file.exists():
            raise ConfigError(f"server.certificate: there is no {file}")
    try:
        return server_context(*files)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"server.certificate: {files[0]} and {files[1]} are no certificate and key: {error}"
        ) from None


def _address(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[IPv6]:PORT`` or ``:PORT`` taken apart."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{text}: an address to listen on is HOST:PORT")
    return host.strip("[]"), int(port)
