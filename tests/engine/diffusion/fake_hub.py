"""A small stand-in for the Hugging Face Hub: its two calls, on this machine, for the real client to talk to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """`repositories` are folders by owner/name; `refusals` answer a repository with a status and an error code."""

    repositories: dict[str, Path] = field(default_factory=dict)
    revisions: dict[tuple[str, str], Path] = field(default_factory=dict)
    """Folders of revisions other than the first one, by repository and name."""
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    breaks: set[str] = field(default_factory=set)
    """Paths of files whose download stops in the middle, once."""
    asked: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    """Sizes that are told of files, by path, in place of their own."""
    url: str = ""


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """This answers at `url` until it is left."""
    hub = FakeHub()

    class Answers(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Silence."""

        def do_HEAD(self) -> None:
            _answer(hub, self, body=False)

        def do_GET(self) -> None:
            _answer(hub, self, body=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(hub: FakeHub, to: BaseHTTPRequestHandler, body: bool) -> None:
    path = unquote(to.path.partition("?")[0])
    hub.asked.append(path)
    name = "/".join((path.removeprefix("/api/models") if path.startswith("/api/") else path).split("/")[1:3])
    if name in hub.refusals:
        status, code = hub.refusals[name]
        return _send(to, status, {"X-Error-Code": code, "X-Error-Message": code}, b"", body)
    if name not in hub.repositories:
        return _send(to, 404, {"X-Error-Code": "RepoNotFound"}, b"", body)
    asked = to.path.partition("?")[0]
    revision, _, file_path = asked.partition("/resolve/" if "/resolve/" in asked else "/revision/")[2].partition("/")
    folder = hub.revisions.get((name, unquote(revision)), hub.repositories[name])
    commit = hashlib.sha1(revision.encode()).hexdigest() if (name, unquote(revision)) in hub.revisions else COMMIT
    if path.startswith("/api/"):
        return _send(to, 200, {"Content-Type": "application/json"}, _listing(hub, name, folder, commit), body)
    file = folder / unquote(file_path)
    if not file.is_file():
        return _send(to, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b"", body)
    content = file.read_bytes()
    headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha256(content).hexdigest()}"', "Accept-Ranges": "bytes"}
    if body and file.name in hub.breaks:
        return _break_off(to, headers, content)
    return _send(to, 200, headers, content, body)


def _listing(hub: FakeHub, name: str, folder: Path, commit: str) -> bytes:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path.relative_to(folder).as_posix() for path in paths]
    sizes = [hub.sizes.get(file, path.stat().st_size) for file, path in zip(files, paths, strict=True)]
    siblings = [{"rfilename": file, "size": size} for file, size in zip(files, sizes, strict=True)]
    return json.dumps({"id": name, "modelId": name, "sha": commit, "private": False, "siblings": siblings}).encode()


def _send(to: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes, body: bool) -> None:
    to.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(content))}.items():
        to.send_header(name, value)
    to.end_headers()
    if body:
        to.wfile.write(content)


def _break_off(to: BaseHTTPRequestHandler, headers: dict[str, str], content: bytes) -> None:
    to.send_response(200)
    for name, value in {**headers, "Content-Length": str(len(content))}.items():
        to.send_header(name, value)
    to.end_headers()
    to.wfile.write(content[: len(content) // 2])
    to.wfile.flush()
    to.connection.close()
