"""The compose file's services as plain processes: their commands, environments and health checks, on loopback.

What a container engine would do is done here by hand, and no more: host names become 127.0.0.1, ports become free
ones, and mounted folders become folders below one temporary home.
"""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import compose_file

_HOSTS = re.compile(r"(?<=[@/])(?:postgres|redis|apiserver)(?=:\d)|^0\.0\.0\.0$")
_PORTS = re.compile(r"\b(?:8080|8974|8765|5432|6379)\b")


def postgres_folder() -> Path | None:
    """Where Debian keeps PostgreSQL's programs, newest first; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


class Native:
    """Runs services of the compose file below `home`; `stop` ends them all.

    :param variables: the content of .env.
    """

    def __init__(self, home: Path, variables: dict[str, str]) -> None:
        self.home = home
        self.sources = home / "etc/resonanz"
        self._places = {"/opt/resonanz": home / "image"}
        for mount in ("/opt/airflow", "/var/lib/resonanz", "/etc/resonanz"):
            self._places[mount] = home / mount[1:]
            self._places[mount].mkdir(parents=True)
        compose_file.copy_image_files(home / "image")
        taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
        self._ports = dict(
            zip(("8080", "8974", "8765", "5432", "6379"), (str(s.getsockname()[1]) for s in taken), strict=True)
        )
        for listener in taken:
            listener.close()
        self.services: dict[str, dict[str, Any]] = {
            name: self._native(service) for name, service in compose_file.resolved(variables).items()
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def port(self, inside: int) -> int:
        """The port of 127.0.0.1 that stands for a container's."""
        return int(self._ports[str(inside)])

    def start_postgres(self) -> None:
        """What the postgres image does: create user and database, serve them."""
        env, folder = self.environment("postgres"), postgres_folder()
        assert folder is not None
        as_owner = _as_owner(self.home)
        data, password = self.home / "postgres", self.home / "password"
        password.write_text(env["POSTGRES_PASSWORD"])
        if as_owner:
            shutil.chown(password, "postgres")
        secured = ["--auth=scram-sha-256", f"--pwfile={password}", f"--username={env['POSTGRES_USER']}", "--no-sync"]
        self._call([*as_owner, str(folder / "initdb"), f"--pgdata={data}", *secured], env)
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
        server = [str(folder / "postgres"), "-D", str(data), "-p", self._ports["5432"], *options]
        self._spawn("postgres", [*as_owner, *server], env)
        self.wait_until_healthy("postgres", timeout=120)
        login = ["-h", "127.0.0.1", "-U", env["POSTGRES_USER"]]
        self._call(
            [str(folder / "createdb"), *login, env["POSTGRES_DB"]], env | {"PGPASSWORD": env["POSTGRES_PASSWORD"]}
        )

    def start_redis(self) -> None:
        """Redis with the compose file's own command."""
        command = [*self.services["redis"]["command"], "--port", self._ports["6379"], "--bind", "127.0.0.1"]
        self._spawn("redis", [*command, "--dir", str(self.home), "--save", ""], self.environment("redis"))

    def start(self, name: str) -> None:
        """Start a service's own command."""
        self._spawn(name, self.services[name]["command"], self.environment(name))

    def wait(self, name: str) -> int:
        """The exit status of a service that ends by itself."""
        status = self._running[name].wait(timeout=600)
        del self._running[name]
        return status

    def environment(self, name: str) -> dict[str, str]:
        """What a container's process would see: the image's, the engine's and the service's own variables."""
        folder = postgres_folder()
        programs = [str(Path(sys.executable).parent), *([str(folder)] if folder else []), "/usr/bin", "/bin"]
        return {
            "PATH": os.pathsep.join(programs),
            "HOME": str(self.home),
            "HOSTNAME": socket.gethostname(),
            "LANG": "C.UTF-8",
            "PGPORT": self._ports["5432"],
            "PYTHONPATH": str(self.home / "image"),
            "PYTHONUNBUFFERED": "1",
        } | self.services[name]["environment"]

    def is_healthy(self, name: str) -> bool:
        """Whether the service's own health check passes."""
        return self._check(name).returncode == 0

    def wait_until_healthy(self, name: str, timeout: float) -> None:
        """Repeat the service's own health check until it passes; fails at once where its process ended."""
        deadline = time.monotonic() + timeout
        while (check := self._check(name)).returncode != 0:
            status = self._running[name].poll()
            if status is not None or time.monotonic() > deadline:
                said = f"ended with {status}" if status is not None else f"{check.stdout[-500:]}{check.stderr[-500:]}"
                raise AssertionError(f"{name} is not healthy: {said}\n{self.log(name)}")
            time.sleep(1)

    def log(self, name: str) -> str:
        """The end of what a service said."""
        return (self.home / f"{name}.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """Ask every service to end, the last started first; kill what is left after 20 s, as an engine does."""
        for process in reversed(self._running.values()):
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 20
        for process in reversed(self._running.values()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def left_over(self, patience: float = 15) -> list[str]:
        """Command lines of processes whose environment still names this home, `patience` seconds after the end.

        Python's resource trackers go by themselves once all that they served are gone, a moment later.
        """
        deadline = time.monotonic() + patience
        while (found := self._ours()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return found

    def _ours(self) -> list[str]:
        found, marker = [], str(self.home).encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):  # it has ended, or is not ours to read
                    if marker in (entry / "environ").read_bytes():
                        found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return found

    def _native(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._native(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._native(item) for item in value]
        if not isinstance(value, str):
            return value
        value = _PORTS.sub(lambda match: self._ports[match[0]], _HOSTS.sub("127.0.0.1", value))
        value = value.replace("redis-cli ", f"redis-cli -p {self._ports['6379']} ")
        for inside, outside in self._places.items():
            value = re.sub(rf"{inside}(?=/|$)", str(outside), value)
        return value

    def _check(self, name: str) -> subprocess.CompletedProcess[str]:
        kind, *test = self.services[name]["healthcheck"]["test"]
        command = ["sh", "-c", *test] if kind == "CMD-SHELL" else test
        return subprocess.run(
            command, env=self.environment(name), capture_output=True, text=True, cwd=self.home, timeout=300
        )

    def _spawn(self, name: str, command: list[str], env: dict[str, str]) -> None:
        with (self.home / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                command,
                env=env,
                cwd=self.home / "image",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _call(self, command: list[str], env: dict[str, str]) -> None:
        done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=self.home, timeout=300)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _as_owner(home: Path) -> list[str]:
    """What makes PostgreSQL run as Debian's own user, who then owns its folder: as root it refuses to run."""
    if os.geteuid() != 0:
        return []
    owner = pwd.getpwnam("postgres")
    (home / "postgres").mkdir()
    os.chown(home / "postgres", owner.pw_uid, owner.pw_gid)
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
