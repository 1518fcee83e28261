"""Databases as newcomers have them: each situation works, or ends in one sentence with the way out."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pymongo import MongoClient

from storage.embedded import LISTENING, find_mongod
from tests.lab import BINARY, EXAMPLES, PATIENCE, Lab, gone, pid_of, until

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON = 4.0  # seconds of wall time beyond Python's start, which takes one on a machine at rest
GONE_WITHIN = 2.0  # seconds
PASSWORD = "hunter2"  # noqa: S105 - of a server that lives as long as these tests
PROVIDERS = ("ARXIV", "OPENALEX", "GITHUB", "SEMANTIC_SCHOLAR")
ALONE = {f"PAPERHARVEST_PROVIDERS__{name}__ENABLED": "false" for name in PROVIDERS}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The binary with a data folder of its own and no provider in reach; a mongod that is left is killed."""
    found = Lab(tmp_path, ALONE)
    yield found
    if (pid := pid_of(found.folder / "data")) and not gone(pid):
        os.kill(pid, signal.SIGKILL)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """All that a command said that failed: one line on stderr, exit 1."""
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith("paperharvest: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def stored(lab: Lab) -> None:
    """The examples are stored and exported."""
    done = lab.harvest(EXAMPLES)
    assert done.returncode == 0, done.stderr
    assert len(lab.papers()) == 12


@contextmanager
def holding(lab: Lab) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`paperharvest db`, and the address that it printed; killed where a test does not end it."""
    with lab.start("db") as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


# --- the embedded one -------------------------------------------------------------------------------------


def test_two_commands_at_once_and_a_killed_one(lab: Lab) -> None:
    """Both work on one server; the killed one's server is joined by the next, and gone two seconds after it."""
    with holding(lab) as (process, uri):
        pid = pid_of(lab.folder / "data")
        stored(lab)
        with MongoClient[dict[str, Any]](uri) as client:
            assert client["paperharvest"]["papers"].count_documents({}) == 12
        process.kill()
    assert (pid_of(lab.folder / "data"), gone(pid)) == (pid, False)
    assert lab.run("export").stdout.count("\n") == 12
    until(lambda: gone(pid), GONE_WITHIN)


def test_a_run_killed_at_any_moment_leaves_nothing_that_hinders(lab: Lab) -> None:
    """With -9, while the server starts and as soon as it is there; the next one does the job and stops it."""
    for there in (lab.folder / "data" / "db" / "mongod.lock", lab.folder / "data" / "db" / "sizeStorer.wt"):
        with lab.start("run", EXAMPLES) as process:
            until(there.exists)
            process.kill()
    stored(lab)
    assert pid_of(lab.folder / "data") == 0


def test_stale_locks_hinder_nobody(lab: Lab) -> None:
    """A lock names a process that is dead, or one that is none of ours: it lives on."""
    with subprocess.Popen(["/bin/sleep", "600"]) as unrelated:
        try:
            (lab.folder / "data" / "db").mkdir(parents=True)
            for pid in (2**22 + 1, unrelated.pid):
                (lab.folder / "data" / "db" / "mongod.lock").write_text(f"{pid}\n")
                assert lab.run("export").returncode == 0
            assert unrelated.poll() is None
        finally:
            unrelated.kill()


def test_a_folder_of_another_mongod_is_told(lab: Lab) -> None:
    """It is left alone."""
    with serving(lab.folder / "data" / "db", lab.folder / "own.log") as (mongod, _):
        assert "another mongod uses" in sentence(lab.run("status"))
        assert mongod.poll() is None


@pytest.mark.parametrize("name", ["a mongod in front", "the extra"])
def test_a_mongod_on_the_path_stands_before_the_extra(lab: Lab, name: str) -> None:
    """What runs is what the user installed, else what came with paperharvest."""
    folder = lab.folder / "bin"
    folder.mkdir()
    mine = folder / "mongod"
    if name == "a mongod in front":
        mine.symlink_to(find_mongod())
    chosen = Lab(lab.folder, {**ALONE, "PATH": f"{folder}:/usr/bin:/bin"})
    with holding(chosen) as (process, _):
        command = Path(f"/proc/{pid_of(lab.folder / 'data')}/cmdline").read_bytes().split(b"\0")[0].decode()
        assert (command == str(mine)) == mine.exists()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    assert pid_of(lab.folder / "data") == 0


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("echo 'mongod: error while loading shared libraries: libssl.so.3: cannot open' >&2; exit 127", "libssl.so.3"),
        ("kill -ILL $$", "this machine's CPU lacks"),
        ("exit 62", "was written by another version of MongoDB"),
        ("exit 100", "mongod ended with status 100"),
    ],
)
def test_a_mongod_that_does_not_start_is_one_sentence(lab: Lab, program: str, said: str) -> None:
    """Whatever it is for: exit 1."""
    mongod = lab.folder / "bin" / "mongod"
    mongod.parent.mkdir()
    mongod.write_text(f"#!/bin/sh\n{program}\n")
    mongod.chmod(0o755)
    assert said in sentence(Lab(lab.folder, {"PATH": f"{mongod.parent}:/usr/bin:/bin"}).run("run", EXAMPLES))


# --- disks ------------------------------------------------------------------------------------------------


def on_disk(lab: Lab, options: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script with the data folder on a disk of its own, where the machine permits it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("this machine has no unshare, which gives a test a disk of its own")
    alone = [unshare, "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
    mounting = f'mkdir -p "$PAPERHARVEST_DATA_DIR" && mount -t tmpfs -o {options} none "$PAPERHARVEST_DATA_DIR"'
    command = [*alone, "sh", "-c", f"{mounting} || exit 77; {script}", str(BINARY)]
    done = subprocess.run(  # noqa: S603 - our own binary
        command, check=False, env=lab.environment, capture_output=True, text=True, timeout=PATIENCE
    )
    if done.returncode not in (0, 1, 3):
        pytest.skip(f"this machine lets no test have a disk of its own ({done.stderr.strip()})")
    return done


def test_a_small_disk_is_told_before_anything_is_written(lab: Lab) -> None:
    """How much is free, how much is needed, what to do."""
    said = sentence(on_disk(lab, "size=50m", f"$0 run {EXAMPLES}"))
    assert "is full (50 MB free, 200 MB needed): free some space, or set data_dir" in said


def test_a_disk_that_becomes_full_is_told(lab: Lab) -> None:
    """The server refuses or dies: its last words are not `start it, or correct mongo_uri`."""
    fill = "dd if=/dev/zero of=$PAPERHARVEST_DATA_DIR/fill bs=64k 2>/dev/null"
    hold = f"$0 db > {lab.folder}/uri & until [ -s {lab.folder}/uri ]; do :; done"
    done = on_disk(lab, "size=300m", f"{{ {hold}; {fill}; $0 run {EXAMPLES}; }}")
    assert "is full (0 MB free, 200 MB needed): free some space" in sentence(done)


def test_a_disk_that_cannot_be_written_is_told(lab: Lab) -> None:
    """With the setting that chooses another one."""
    said = sentence(on_disk(lab, "size=300m", f"mount -o remount,ro $PAPERHARVEST_DATA_DIR && $0 run {EXAMPLES}"))
    assert "cannot be written (Read-only file system): set data_dir (PAPERHARVEST_DATA_DIR)" in said


# --- own servers ------------------------------------------------------------------------------------------


@contextmanager
def serving(database: Path, log: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A mongod of one's own, and its port."""
    database.mkdir(parents=True)
    command = [find_mongod(), "--dbpath", str(database), "--logpath", str(log), "--port", "0", *options]
    command += ["--bind_ip", "127.0.0.1", "--nounixsocket"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as mongod:  # noqa: S603 - a fixed command of ours
        try:
            until(lambda: mongod.poll() is not None or (log.exists() and f'"id":{LISTENING},' in log.read_text()))
            [line] = [line for line in log.read_text().splitlines() if f'"id":{LISTENING},' in line]
            yield mongod, json.loads(line)["attr"]["port"]
        finally:
            mongod.kill()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A server that wants TLS and a password: its port, and the file of the certificate that it is known by.

    `owner` may do all, `reader` may read `paperharvest`; both have the password hunter2.
    """
    folder = tmp_path_factory.mktemp("secured")
    known, secret = certificate(folder)
    tls = ("--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(secret), "--tlsCAFile", str(known))
    options = ("--auth", *tls, "--tlsAllowConnectionsWithoutCertificates")
    with serving(folder / "db", folder / "log", *options) as (_, port):
        address = f"127.0.0.1:{port}/?tls=true&tlsCAFile={known}"
        with MongoClient[dict[str, Any]](f"mongodb://{address}") as client:
            client.admin.command("createUser", "owner", pwd=PASSWORD, roles=["root"])
        with MongoClient[dict[str, Any]](f"mongodb://owner:hunter2@{address}") as client:
            client.admin.command("createUser", "reader", pwd=PASSWORD, roles=[{"role": "read", "db": "paperharvest"}])
        yield port, known


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and the same with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "paperharvest test")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    made = made.add_extension(here, critical=False).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), True
    )
    public = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    known, secret = folder / "known.pem", folder / "secret.pem"
    known.write_bytes(public)
    secret.write_bytes(public + private)
    return known, secret


def at(lab: Lab, uri: str) -> Lab:
    """The lab with its own server."""
    return Lab(lab.folder, {**ALONE, "PAPERHARVEST_MONGO_URI": uri})


def test_an_own_server_with_user_and_tls_works_the_same(lab: Lab, secured: tuple[int, Path]) -> None:
    """The main job for a user who may write, the export for one who may only read; no embedded server beside it."""
    port, known = secured
    rest = f"hunter2@127.0.0.1:{port}/?tls=true&tlsCAFile={known}&authSource=admin"
    stored(at(lab, f"mongodb://owner:{rest}"))
    reading = at(lab, f"mongodb://reader:{rest}")
    assert reading.run("export").stdout == lab.output.read_text()
    assert reading.run("status").returncode == 0
    done = reading.run("run", EXAMPLES)
    assert (done.returncode, "check the user and its rights" in done.stderr.splitlines()[-1]) == (1, True)
    assert not (lab.folder / "data" / "db").exists()


REFUSALS = {
    "owner:hunter3@{host}/?tls=true&tlsCAFile={known}": "refused (code 18): check the user and its rights in mongo_uri",
    "reader:hunter2@{host}/?tls=true&tlsCAFile={known}&authSource=local": "refused (code 18): check the user",
    "owner:hunter2@{host}/?tls=true": "(its TLS certificate does not fit its host and tlsCAFile): start it, or correct",
    "owner:hunter2@{host}/": "): start it, or correct mongo_uri",  # how the driver is refused is a matter of luck
    "owner:hunter2@{host}/?tls=true&tlsCAFile=/nowhere/ca.pem": "names a file that cannot be read",
}


def test_a_server_that_refuses_is_told_without_the_password(lab: Lab, secured: tuple[int, Path]) -> None:
    """One sentence, with the setting to correct."""
    port, known = secured
    host = f"127.0.0.1:{port}"
    with ExitStack() as stack:
        uris = [f"mongodb://{uri.format(host=host, known=known)}" for uri in REFUSALS]
        processes = [stack.enter_context(at(lab, uri).start("run", EXAMPLES)) for uri in uris]
        for process, said in zip(processes, REFUSALS.values(), strict=True):
            stdout, stderr = process.communicate(timeout=PATIENCE)
            assert said in sentence(subprocess.CompletedProcess((), process.returncode, stdout, stderr))
            assert "hunter" not in stderr


def test_a_dead_server_is_told_soon(lab: Lab) -> None:
    """Nobody there, or somebody who never answers: one sentence within five seconds on a machine at rest."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        ports = [one.getsockname()[1] for one in (silent, closed)]
        closed.close()
        for port in ports:
            assert any(refusal_takes(lab, port) < SOON + imports_take() for _ in range(3))  # a machine may stall once


def imports_take() -> float:
    """The seconds that Python takes just now to start and to import what `run` needs."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "import aiohttp, pymongo, scrapy"], check=True)
    return time.monotonic() - begun


def refusal_takes(lab: Lab, port: int) -> float:
    """The seconds until it was said that nobody answers there."""
    begun = time.monotonic()
    done = at(lab, f"mongodb://me:hunter2@127.0.0.1:{port}/").run("run", EXAMPLES)
    taken = time.monotonic() - begun
    assert f"MongoDB at 127.0.0.1:{port} cannot be reached" in sentence(done)
    assert "hunter2" not in done.stderr
    return taken


def test_a_database_of_a_newer_version_is_told(lab: Lab, mongo_uri: str) -> None:
    """Upgrade, or another name."""
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        client["newer"]["runs"].insert_one({"_id": "schema", "version": 1000})
        newer = Lab(lab.folder, {**ALONE, "PAPERHARVEST_MONGO_URI": mongo_uri, "PAPERHARVEST_DATABASE": "newer"})
        said = sentence(newer.run("run", EXAMPLES))
        client.drop_database("newer")
    assert "written by a newer paperharvest (schema 1000): upgrade paperharvest, or set `database`" in said
