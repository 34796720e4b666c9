"""The sandbox's memory: one SQLite file and a folder of uploaded bytes.

Everything happens on the server's one event loop, so a method here is never interrupted by
another. Codes, tokens and upload tokens are kept as SHA-256 only. Times are Unix seconds of the
sandbox's own clock, which can be moved on.
"""

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.tiktok_sandbox.rules import (
    MAX_PENDING_SHARES,
    MINUTE_SECONDS,
    PENDING_WINDOW_SECONDS,
    UPLOAD_URL_SECONDS,
    ChunkPlan,
)
from local.tiktok_sandbox.settings import App

PROCESSING = "PROCESSING_UPLOAD"
IN_INBOX = "SEND_TO_USER_INBOX"
POSTED = "PUBLISH_COMPLETE"
FAILED = "FAILED"

_TABLES = """
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS people (
    name TEXT PRIMARY KEY, open_id TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (cookie TEXT PRIMARY KEY, person TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS grants (
    person TEXT, client_key TEXT, scopes TEXT NOT NULL, PRIMARY KEY (person, client_key));
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY, person TEXT NOT NULL, client_key TEXT NOT NULL,
    redirect_uri TEXT NOT NULL, scopes TEXT NOT NULL, challenge TEXT,
    expires_at REAL NOT NULL, used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY, kind TEXT NOT NULL, person TEXT NOT NULL, client_key TEXT NOT NULL,
    scopes TEXT NOT NULL, expires_at REAL NOT NULL, ended TEXT);
CREATE INDEX IF NOT EXISTS tokens_of ON tokens (person, client_key);
CREATE TABLE IF NOT EXISTS shares (
    publish_id TEXT PRIMARY KEY, person TEXT NOT NULL, client_key TEXT NOT NULL,
    video_size INTEGER NOT NULL, chunk_size INTEGER NOT NULL, total_chunk_count INTEGER NOT NULL,
    upload_id TEXT NOT NULL UNIQUE, upload_token TEXT NOT NULL, url_expires_at REAL NOT NULL,
    status TEXT NOT NULL, fail_reason TEXT, fate TEXT, due_at REAL,
    uploaded_bytes INTEGER NOT NULL DEFAULT 0, completed_uploads INTEGER NOT NULL DEFAULT 0,
    torn_uploads INTEGER NOT NULL DEFAULT 0, content_type TEXT, sha256 TEXT,
    created_at REAL NOT NULL, uploaded_at REAL, staged_at REAL, posted_at REAL,
    post_ids TEXT NOT NULL DEFAULT '[]');
CREATE INDEX IF NOT EXISTS shares_due ON shares (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS shares_of ON shares (person, client_key, created_at);
CREATE TABLE IF NOT EXISTS counts (
    post_id TEXT PRIMARY KEY, views INTEGER NOT NULL, likes INTEGER NOT NULL,
    comments INTEGER NOT NULL, shares INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS inits (
    id INTEGER PRIMARY KEY, person TEXT NOT NULL, at REAL NOT NULL, code TEXT NOT NULL,
    publish_id TEXT);
CREATE TABLE IF NOT EXISTS calls (endpoint TEXT NOT NULL, token TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS calls_of ON calls (token, endpoint, at);
CREATE TABLE IF NOT EXISTS violations (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, endpoint TEXT NOT NULL, rule TEXT NOT NULL,
    detail TEXT NOT NULL, code TEXT NOT NULL, status INTEGER NOT NULL,
    avoidable INTEGER NOT NULL, log_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, person TEXT NOT NULL,
    publish_id TEXT, body TEXT NOT NULL, signed_at INTEGER, created_at REAL NOT NULL, due_at REAL,
    state TEXT NOT NULL, attempts TEXT NOT NULL DEFAULT '[]');
CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS faults_made (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, rule TEXT NOT NULL);
"""
_RESET = """
DELETE FROM people; DELETE FROM sessions; DELETE FROM grants; DELETE FROM codes;
DELETE FROM tokens; DELETE FROM shares; DELETE FROM counts; DELETE FROM inits; DELETE FROM calls;
DELETE FROM violations; DELETE FROM webhooks; DELETE FROM faults_made;
DELETE FROM kept WHERE name IN ('faults', 'clock');
"""


def hashed(secret: str) -> str:
    """Return the digest that is stored of a code, token or cookie."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True)
class Person:
    """Somebody with a TikTok account."""

    name: str
    open_id: str
    display_name: str


@dataclass(frozen=True)
class Code:
    """An authorization code, once handed to a browser."""

    code: str
    person: str
    client_key: str
    redirect_uri: str
    scopes: str
    challenge: str | None
    expires_at: float
    used: int


@dataclass(frozen=True)
class Token:
    """An access or refresh token; `ended` is None, `rotated`, `expired` or `revoked`."""

    token: str
    kind: str
    person: str
    client_key: str
    scopes: str
    expires_at: float
    ended: str | None


@dataclass(frozen=True)
class Share:
    """One publish id, from init to posted or failed.

    `fate` is what a fault decided beforehand: a fail reason. `due_at` is when processing ends;
    None with all bytes there means never.
    """

    publish_id: str
    person: str
    client_key: str
    video_size: int
    chunk_size: int
    total_chunk_count: int
    upload_id: str
    upload_token: str
    url_expires_at: float
    status: str
    fail_reason: str | None
    fate: str | None
    due_at: float | None
    uploaded_bytes: int
    completed_uploads: int
    torn_uploads: int
    content_type: str | None
    sha256: str | None
    created_at: float
    uploaded_at: float | None
    staged_at: float | None
    posted_at: float | None
    post_ids: str

    @property
    def plan(self) -> ChunkPlan:
        """Return how its bytes were announced."""
        return ChunkPlan(self.video_size, self.chunk_size, self.total_chunk_count)


@dataclass(frozen=True)
class Webhook:
    """One message to the app's webhook address; `due_at` is None when nothing is left to do."""

    id: int
    event: str
    person: str
    publish_id: str | None
    body: str
    signed_at: int | None
    created_at: float
    due_at: float | None
    state: str
    attempts: str


class Store:
    """The sandbox's memory under one folder."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds; tests hand in the one they move."""
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.videos = folder / "videos"
        self.videos.mkdir(exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(folder / "sandbox.sqlite3", isolation_level=None)
        (folder / "sandbox.sqlite3").chmod(0o600)
        self._db.row_factory = sqlite3.Row
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + _TABLES)
        self._clock_offset = float(self.kept("clock") or 0)
        self._app = App.model_validate_json(self.kept("app") or "{}")

    def close(self) -> None:
        """Put the file away."""
        self._db.close()

    def _rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        return [dict(row) for row in self._db.execute(sql, values)]

    def _run(self, sql: str, *values: object) -> None:
        self._db.execute(sql, values)

    # --- what is kept by name, the clock, the app -------------------------------------------

    def kept(self, name: str) -> str | None:
        """A single remembered value."""
        rows = self._rows("SELECT value FROM kept WHERE name = ?", name)
        return str(rows[0]["value"]) if rows else None

    def keep(self, name: str, value: str) -> None:
        """Remember a single value."""
        self._run("INSERT OR REPLACE INTO kept VALUES (?, ?)", name, value)

    def now(self) -> float:
        """The sandbox's clock."""
        return self._clock() + self._clock_offset

    def advance(self, seconds: float) -> None:
        """Move the clock on; it never goes back."""
        self._clock_offset += seconds
        self.keep("clock", repr(self._clock_offset))

    @property
    def app(self) -> App:
        """The registered app."""
        return self._app

    @app.setter
    def app(self, app: App) -> None:
        self._app = app
        self.keep("app", app.model_dump_json())

    def reset(self) -> None:
        """Forget everything but the app."""
        self._db.executescript(_RESET)
        self._clock_offset = 0.0
        for path in self.videos.iterdir():
            path.unlink(missing_ok=True)

    # --- people and their consent -----------------------------------------------------------

    def add_person(self, name: str, display_name: str | None = None) -> Person:
        """A person by name: the one there is, or a new one."""
        person = self.person(name)
        if person is None:
            person = Person(name, f"-000{secrets.token_urlsafe(24)}", display_name or name)
            self._run(
                "INSERT INTO people VALUES (?, ?, ?)",
                person.name,
                person.open_id,
                person.display_name,
            )
        return person

    def person(self, name: str) -> Person | None:
        """The person of that name."""
        rows = self._rows("SELECT * FROM people WHERE name = ?", name)
        return Person(**rows[0]) if rows else None

    def people(self) -> list[Person]:
        """Everybody, by name."""
        return [Person(**row) for row in self._rows("SELECT * FROM people ORDER BY name")]

    def log_in(self, person: str) -> str:
        """A session of a browser; returns its cookie."""
        cookie = secrets.token_urlsafe(24)
        self._run("INSERT INTO sessions VALUES (?, ?)", hashed(cookie), person)
        return cookie

    def logged_in(self, cookie: str) -> str | None:
        """Return the person who is logged in with this cookie."""
        rows = self._rows("SELECT person FROM sessions WHERE cookie = ?", hashed(cookie))
        return str(rows[0]["person"]) if rows else None

    def grant(self, person: str, scopes: Iterable[str]) -> None:
        """The person gives the app these scopes, instead of earlier ones."""
        self._run(
            "INSERT OR REPLACE INTO grants VALUES (?, ?, ?)",
            person,
            self.app.client_key,
            ",".join(scopes),
        )

    def granted(self, person: str) -> tuple[str, ...] | None:
        """The scopes the app has from this person; None if there is no consent."""
        rows = self._rows(
            "SELECT scopes FROM grants WHERE person = ? AND client_key = ?",
            person,
            self.app.client_key,
        )
        return tuple(str(rows[0]["scopes"]).split(",")) if rows else None

    def add_code(
        self,
        person: str,
        redirect_uri: str,
        scopes: Iterable[str],
        challenge: str | None,
    ) -> str:
        """A new authorization code, with characters that must be URL-decoded to be right."""
        code = f"{secrets.token_urlsafe(30)}*v!{secrets.randbelow(9000) + 1000}.s1"
        self._run(
            "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            hashed(code),
            person,
            self.app.client_key,
            redirect_uri,
            ",".join(scopes),
            challenge,
            self.now() + self.app.code_seconds,
        )
        return code

    def code(self, code: str) -> Code | None:
        """The authorization code, used or not."""
        rows = self._rows("SELECT * FROM codes WHERE code = ?", hashed(code))
        return Code(**rows[0]) if rows else None

    def use_code(self, code: Code) -> None:
        """A code is good for one exchange."""
        self._run("UPDATE codes SET used = 1 WHERE code = ?", code.code)

    # --- tokens -----------------------------------------------------------------------------

    def add_token(self, kind: str, person: str, scopes: str, seconds: float) -> str:
        """A new `access` or `refresh` token, living for so long."""
        prefix = {"access": "act", "refresh": "rft"}[kind]
        token = f"{prefix}.{secrets.token_urlsafe(36)}!{secrets.randbelow(9000) + 1000}.s1"
        self._run(
            "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, NULL)",
            hashed(token),
            kind,
            person,
            self.app.client_key,
            scopes,
            self.now() + seconds,
        )
        return token

    def token(self, token: str) -> Token | None:
        """The token, alive or ended; one past its time says `expired`."""
        rows = self._rows("SELECT * FROM tokens WHERE token = ?", hashed(token))
        if not rows:
            return None
        row = rows[0]
        if row["ended"] is None and row["expires_at"] <= self.now():
            row["ended"] = "expired"
        return Token(**row)

    def end_token(self, token: Token, how: str) -> None:
        """One token stops working."""
        self._run("UPDATE tokens SET ended = ? WHERE token = ?", how, token.token)

    def expire_tokens(self, person: str, kinds: Iterable[str]) -> None:
        """The person's live tokens of these kinds are past their time, at once."""
        for kind in kinds:
            self._run(
                "UPDATE tokens SET expires_at = ? WHERE person = ? AND kind = ? AND ended IS NULL",
                self.now(),
                person,
                kind,
            )

    def forget_consent(self, person: str) -> bool:
        """End the consent and every token of it; False if there was nothing to end."""
        known = self.granted(person) is not None
        self._run(
            "DELETE FROM grants WHERE person = ? AND client_key = ?", person, self.app.client_key
        )
        self._run(
            "UPDATE tokens SET ended = 'revoked'"
            " WHERE person = ? AND client_key = ? AND ended IS NULL",
            person,
            self.app.client_key,
        )
        self._run("UPDATE codes SET used = 1 WHERE person = ?", person)
        return known

    def call_allowed(self, endpoint: str, token: Token, per_minute: int) -> bool:
        """Count a call against the token's limit in a sliding minute; refused ones do not count."""
        now = self.now()
        self._run("DELETE FROM calls WHERE at <= ?", now - MINUTE_SECONDS)
        rows = self._rows(
            "SELECT count(*) AS n FROM calls WHERE token = ? AND endpoint = ?",
            token.token,
            endpoint,
        )
        if rows[0]["n"] >= per_minute:
            return False
        self._run("INSERT INTO calls VALUES (?, ?, ?)", endpoint, token.token, now)
        return True

    # --- shares -----------------------------------------------------------------------------

    def inbox_full(self, person: str) -> bool:
        """Whether five shares of the last 24 hours are pending: neither posted nor failed."""
        rows = self._rows(
            "SELECT count(*) AS n FROM shares WHERE person = ? AND client_key = ?"
            " AND created_at > ? AND status IN (?, ?) AND (uploaded_bytes > 0 OR ?)",
            person,
            self.app.client_key,
            self.now() - PENDING_WINDOW_SECONDS,
            PROCESSING,
            IN_INBOX,
            self.app.empty_inits_count,
        )
        return bool(rows[0]["n"] >= MAX_PENDING_SHARES)

    def add_share(self, person: str, plan: ChunkPlan) -> tuple[Share, str]:
        """A new publish id; returned with its upload token."""
        publish_id = f"v_inbox_file~v2.{secrets.randbelow(9 * 10**18) + 10**18}"
        upload_id = str(secrets.randbelow(9 * 10**18) + 10**18)
        upload_token = secrets.token_urlsafe(24)
        now = self.now()
        self._run(
            "INSERT INTO shares (publish_id, person, client_key, video_size, chunk_size,"
            " total_chunk_count, upload_id, upload_token, url_expires_at, status, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            publish_id,
            person,
            self.app.client_key,
            plan.video_size,
            plan.chunk_size,
            plan.total_chunk_count,
            upload_id,
            hashed(upload_token),
            now + UPLOAD_URL_SECONDS,
            PROCESSING,
            now,
        )
        return self.share(publish_id), upload_token

    def find_share(self, publish_id: str) -> Share | None:
        """The share of a publish id, if there is one."""
        rows = self._rows("SELECT * FROM shares WHERE publish_id = ?", publish_id)
        return Share(**rows[0]) if rows else None

    def share(self, publish_id: str) -> Share:
        """The share of a publish id that is known to exist."""
        share = self.find_share(publish_id)
        if share is None:
            raise KeyError(publish_id)
        return share

    def share_to_upload(self, upload_id: str, upload_token: str) -> Share | None:
        """The share an upload URL stands for."""
        rows = self._rows(
            "SELECT * FROM shares WHERE upload_id = ? AND upload_token = ?",
            upload_id,
            hashed(upload_token),
        )
        return Share(**rows[0]) if rows else None

    def shares_of(self, person: str) -> list[Share]:
        """The person's shares, newest first."""
        return [
            Share(**row)
            for row in self._rows(
                "SELECT * FROM shares WHERE person = ? ORDER BY created_at DESC", person
            )
        ]

    def posted_videos(self, person: str) -> int:
        """Return the number of videos that the person has posted."""
        return sum(share.status == POSTED for share in self.shares_of(person))

    def shares_due(self) -> list[Share]:
        """Shares whose processing is over."""
        return [
            Share(**row) for row in self._rows("SELECT * FROM shares WHERE due_at <= ?", self.now())
        ]

    def video_file(self, share: Share) -> Path:
        """Return the file of the uploaded bytes."""
        return self.videos / share.upload_id

    def note_bytes(self, share: Share, uploaded: int, content_type: str) -> None:
        """So many bytes are there now."""
        self._run(
            "UPDATE shares SET uploaded_bytes = ?, content_type = ? WHERE publish_id = ?",
            uploaded,
            content_type,
            share.publish_id,
        )

    def note_torn(self, share: Share) -> None:
        """A connection broke in the middle of a chunk."""
        self._run(
            "UPDATE shares SET torn_uploads = torn_uploads + 1 WHERE publish_id = ?",
            share.publish_id,
        )

    def note_complete(
        self, share: Share, sha256: str, *, fate: str | None, due_at: float | None
    ) -> None:
        """All bytes are there."""
        self._run(
            "UPDATE shares SET completed_uploads = completed_uploads + 1, sha256 = ?, fate = ?,"
            " due_at = ?, uploaded_at = ? WHERE publish_id = ?",
            sha256,
            fate,
            due_at,
            self.now(),
            share.publish_id,
        )

    def note_staged(self, share: Share) -> None:
        """The video waits in the inbox."""
        self._run(
            "UPDATE shares SET status = ?, staged_at = ?, due_at = NULL WHERE publish_id = ?",
            IN_INBOX,
            self.now(),
            share.publish_id,
        )

    def note_failed(self, share: Share, reason: str) -> None:
        """It came to nothing."""
        self._run(
            "UPDATE shares SET status = ?, fail_reason = ?, due_at = NULL WHERE publish_id = ?",
            FAILED,
            reason,
            share.publish_id,
        )

    def note_posted(self, share: Share, post_ids: list[int]) -> None:
        """The person posted it (perhaps again); the public posts are `post_ids`."""
        self._run(
            "UPDATE shares SET status = ?, posted_at = coalesce(posted_at, ?), post_ids = ?"
            " WHERE publish_id = ?",
            POSTED,
            self.now(),
            json.dumps(post_ids),
            share.publish_id,
        )

    def set_counts(self, post_id: str, counts: tuple[int, int, int, int]) -> None:
        """People have seen, liked, commented on and shared a post so often."""
        self._run("INSERT OR REPLACE INTO counts VALUES (?, ?, ?, ?, ?)", post_id, *counts)

    def counts(self, post_id: str) -> tuple[int, int, int, int]:
        """Return views, likes, comments and shares of a post."""
        rows = self._rows("SELECT * FROM counts WHERE post_id = ?", post_id)
        if not rows:
            return 0, 0, 0, 0
        found = rows[0]
        return found["views"], found["likes"], found["comments"], found["shares"]

    # --- what tests look at -----------------------------------------------------------------

    def note_init(self, person: str, code: str, publish_id: str | None) -> None:
        """Every init of a person, whatever its answer."""
        self._run(
            "INSERT INTO inits (person, at, code, publish_id) VALUES (?, ?, ?, ?)",
            person,
            self.now(),
            code,
            publish_id,
        )

    def note_violation(
        self,
        endpoint: str,
        *,
        rule: str,
        detail: str,
        code: str,
        status: int,
        avoidable: bool,
        log_id: str,
    ) -> None:
        """A broken rule."""
        self._run(
            "INSERT INTO violations (at, endpoint, rule, detail, code, status, avoidable, log_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            self.now(),
            endpoint,
            rule,
            detail,
            code,
            status,
            avoidable,
            log_id,
        )

    def note_fault(self, rule: str) -> None:
        """A fault that was made, as JSON."""
        self._run("INSERT INTO faults_made (at, rule) VALUES (?, ?)", self.now(), rule)

    def table(self, name: str) -> list[dict[str, Any]]:
        """Every row of one of the tables that are only ever looked at whole."""
        return self._rows(
            {
                "inits": "SELECT * FROM inits ORDER BY id",
                "violations": "SELECT * FROM violations ORDER BY id",
                "faults_made": "SELECT * FROM faults_made ORDER BY id",
                "webhooks": "SELECT * FROM webhooks ORDER BY id",
                "shares": "SELECT * FROM shares ORDER BY created_at",
                "tokens": "SELECT person, kind, expires_at, ended FROM tokens",
            }[name]
        )

    # --- webhooks ---------------------------------------------------------------------------

    def add_webhook(
        self,
        event: str,
        person: str,
        publish_id: str | None,
        body: str,
        *,
        due_at: float | None,
        state: str,
    ) -> None:
        """A message to be sent, or one that never will be."""
        self._run(
            "INSERT INTO webhooks (event, person, publish_id, body, created_at, due_at, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            event,
            person,
            publish_id,
            body,
            self.now(),
            due_at,
            state,
        )

    def webhooks_due(self) -> list[Webhook]:
        """Messages whose time has come."""
        return [
            Webhook(**row)
            for row in self._rows(
                "SELECT * FROM webhooks WHERE due_at <= ? ORDER BY due_at, id", self.now()
            )
        ]

    def note_attempt(
        self, webhook: Webhook, attempts: str, *, signed_at: int, due_at: float | None, state: str
    ) -> None:
        """Record an attempt to send it."""
        self._run(
            "UPDATE webhooks SET attempts = ?, signed_at = ?, due_at = ?, state = ? WHERE id = ?",
            attempts,
            signed_at,
            due_at,
            state,
            webhook.id,
        )
