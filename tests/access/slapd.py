"""A real LDAP server for a test: OpenLDAP's slapd, on a port of the loopback interface, over a directory of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tests.client import PATIENCE

ADMIN, ADMIN_PASSWORD = "cn=admin,dc=example,dc=org", "admin secret"

CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile {folder}/cert.pem
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
maxsize 10485760
suffix "dc=example,dc=org"
rootdn "{admin}"
rootpw "{password}"
directory {folder}/data
"""

# staff holds ann; all holds staff and crew; crew holds all, so that the two go round in a circle.
ENTRIES = """\
dn: dc=example,dc=org
objectClass: domain
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=ann,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: posixAccount
objectClass: shadowAccount
uid: ann
cn: Ann Example
sn: Example
mail: ann@example.org
uidNumber: 1001
gidNumber: 1001
homeDirectory: /home/ann
userPassword: ann's password

dn: uid=old,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: posixAccount
objectClass: shadowAccount
uid: old
cn: Old (Former) *
sn: Former
uidNumber: 1002
gidNumber: 1002
homeDirectory: /home/old
shadowExpire: 15000
userPassword: old password

dn: cn=staff,dc=example,dc=org
objectClass: groupOfNames
cn: staff
member: uid=ann,ou=people,dc=example,dc=org

dn: cn=all,dc=example,dc=org
objectClass: groupOfNames
cn: all
member: cn=staff,dc=example,dc=org
member: cn=crew,dc=example,dc=org

dn: cn=crew,dc=example,dc=org
objectClass: groupOfNames
cn: crew
member: cn=all,dc=example,dc=org
"""


def missing() -> str:
    """Why there can be no such server here; empty where there can."""
    programs = [name for name in ("slapd", "slapadd", "openssl") if _program(name) is None]
    return f"{', '.join(programs)} not installed (Debian: slapd, openssl)" if programs else ""


@contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """A running server; gives the configuration with which a host uses it, with TLS and its certificate."""
    (folder / "data").mkdir()
    _make_certificate(folder)
    config, entries = folder / "slapd.conf", folder / "entries.ldif"
    config.write_text(CONFIG.format(folder=folder, admin=ADMIN, password=ADMIN_PASSWORD))
    entries.write_text(ENTRIES)
    subprocess.run([_program("slapadd"), "-f", config, "-l", entries], check=True, capture_output=True)
    log = (folder / "slapd.log").open("wb")
    process, port = _started(config, log)
    try:
        yield {
            "ldap_uri": f"ldap://localhost:{port}",
            "ldap_ca_file": str(folder / "cert.pem"),
            "ldap_base_dn": "dc=example,dc=org",
            "ldap_bind_dn": ADMIN,
            "ldap_bind_password": ADMIN_PASSWORD,
            "ldap_user_filter": "(&(objectClass=posixAccount)(uid={name}))",
            "ldap_group_name_filter": "(&(objectClass=groupOfNames)(cn={name}))",
            "ldap_group_filter": "(objectClass=groupOfNames)",
            "ldap_sid_attribute": "entryUUID",
            "ldap_name_attribute": "uid",
        }
    finally:
        process.terminate()
        process.wait(PATIENCE)
        log.close()


def _started(config: Path, log: BinaryIO) -> tuple[subprocess.Popen[bytes], int]:
    """A server that answers, and its port. Between choosing a port and taking it somebody else may have it."""
    for _ in range(5):
        port = _free_port()
        command = [_program("slapd"), "-f", config, "-h", f"ldap://127.0.0.1:{port}", "-d", "0"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        if _is_open(port, process):
            return process, port
        process.kill()
        process.wait()
    raise RuntimeError("slapd did not start")


def _program(name: str) -> str | None:
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")


def _make_certificate(folder: Path) -> None:
    command = [_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*command, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_open(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether it answers, as soon as that is known."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process.poll() is None
        time.sleep(0.02)
    return False
