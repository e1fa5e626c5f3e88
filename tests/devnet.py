"""A real AT Protocol network on loopback: PLC and PDS in one Node process, the AppView where Postgres and Redis are.

The npm packages are installed once, into a cache folder named after the lock file's hash.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "fixtures" / "platforms" / "bluesky" / "devnet"
FILES = ("package.json", "package-lock.json", ".npmrc", "network.mjs")
INSTALL_SECONDS = 900


class Missing(Exception):
    """What the network needs is not on this machine; the message says what."""


@dataclass
class Network:
    """A running network.

    :param accounts: short name -> did, handle, password.
    """

    process: subprocess.Popen[str]
    pds: str
    appview: str | None
    accounts: dict[str, dict[str, str]]

    def do(self, action: str, **details: Any) -> dict[str, Any]:
        """Have somebody post, delete, like or repost; with an AppView, wait until it has seen it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": action, **details}) + "\n")
        self.process.stdin.flush()
        answer = _line(self.process)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return dict(answer["answer"])


def packages() -> Path:
    """The folder with the installed packages; installs them where the cache has none."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed (Node.js 20)")
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES[:3])).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "resonanz"
    folder, mark = cache / f"devnet-{digest}", "installed"
    folder.mkdir(parents=True, exist_ok=True)
    with (cache / "devnet.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it at once
        for name in FILES:
            shutil.copy(HERE / name, folder / name)
        if not (folder / mark).exists():
            _install(folder)
            (folder / mark).touch()
    return folder


def _install(folder: Path) -> None:
    command = ["npm", "ci", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Missing(f"npm ci was not done after {INSTALL_SECONDS} s") from None
    if done.returncode:
        raise Missing("npm ci failed: " + " | ".join(done.stderr.strip().splitlines()[-3:])[:300])


@contextlib.contextmanager
def network(home: Path, *, with_appview: bool, accounts: tuple[str, ...]) -> Iterator[Network]:
    """Run a network whose data lies below `home`; raises Missing where this machine cannot."""
    folder = packages()
    with contextlib.ExitStack() as stack:
        environment = os.environ | {"TMPDIR": str(home), "ACCOUNTS": ",".join(accounts), "LOG_ENABLED": "false"}
        environment.pop("DB_POSTGRES_URL", None)
        if with_appview:
            environment["DB_POSTGRES_URL"] = stack.enter_context(_postgres(home))
            environment["REDIS_HOST"] = stack.enter_context(_redis(home))
        said = stack.enter_context((home / "network.log").open("w"))
        process = subprocess.Popen(
            ["node", "network.mjs"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        stack.callback(_end, process)
        try:
            told = _line(process)
        except RuntimeError:
            raise RuntimeError(f"the network did not start: {(home / 'network.log').read_text()[-2000:]}") from None
        yield Network(process, told["pds"], told["appview"], told["accounts"])


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line of JSON; whatever else the servers print is passed over."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                return dict(json.loads(line))
    raise RuntimeError("the network ended")


def _end(process: subprocess.Popen[Any]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=15)
    process.kill()
    process.wait()


@contextlib.contextmanager
def _postgres(home: Path) -> Iterator[str]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise Missing("PostgreSQL is not installed (Debian: postgresql)")
    programs, data, port = found[-1].parent, home / "postgres", _free_port()
    data.mkdir()
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:  # it refuses to run as root
        owner = {"user": "postgres", "group": "postgres"}
        shutil.chown(data, **owner)
        home.chmod(0o711)  # and its user must get through
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    flags = ["--pgdata", str(data), "--username=devnet", "--auth=trust", "--no-sync", "--encoding=UTF8"]
    subprocess.run([str(programs / "initdb"), *flags], check=True, **owner, **quiet)
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    server = subprocess.Popen(
        [str(programs / "postgres"), "-D", str(data), "-p", str(port), *options], **owner, **quiet
    )
    try:
        _wait_for(port)
        login = ["-h", "127.0.0.1", "-p", str(port), "-U", "devnet"]
        for _ in range(50):
            if subprocess.run([str(programs / "createdb"), *login, "devnet"], **quiet, check=False).returncode == 0:
                break
            time.sleep(0.2)
        yield f"postgresql://devnet@127.0.0.1:{port}/devnet"
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextlib.contextmanager
def _redis(home: Path) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        raise Missing("Redis is not installed (Debian: redis-server)")
    port = _free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(150):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise RuntimeError(f"nothing listens on port {port}")
