"""Every trap of the encrypting SQLite that was met while choosing it, each held shut here."""

from __future__ import annotations

import functools
import gc
import re
import traceback
from pathlib import Path
from typing import Any

import apsw
import pytest

from tiercel.errors import VaultDamaged, VaultError
from tiercel.vault import database, layout, migrate
from vault_kit import PASSPHRASE, STEPS, bodies, key_of, make, put, reopen

KEY = bytes(range(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    path = tmp_path / "some.db"
    path.touch()
    return path


# 1. The plain apsw installs under the same name, answers None to the key and writes in the clear.


def test_the_library_at_hand_encrypts() -> None:
    database.require_cipher()


def test_trap_1_plain_apsw_is_refused_before_the_file_is_touched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(apsw, "mc_version")
    with pytest.raises(VaultError, match="cannot encrypt"):
        make(folder)
    assert not folder.exists()


def test_trap_1_a_key_that_is_not_answered_with_ok_is_refused(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(apsw.Connection):
        def pragma(self, name: str, *args: Any, **kwargs: Any) -> Any:
            return None if name == "key" else super().pragma(name, *args, **kwargs)

    monkeypatch.setattr(apsw, "Connection", Deaf)
    with pytest.raises(VaultError, match="cipher"):
        database.connect(empty, KEY)
    assert empty.read_bytes() == b""


def test_temporary_files_would_not_be_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "compile_options", ("TEMP_STORE=1",))
    with pytest.raises(VaultError):
        database.require_cipher()


# 2 and 3. An empty key means no encryption; a key of another length is taken for a passphrase.


@pytest.mark.parametrize("size", [0, 1, 16, 31, 33, 48, 64])
def test_traps_2_and_3_only_32_bytes_are_a_key(empty: Path, size: int) -> None:
    with pytest.raises(VaultError, match="length"):
        database.connect(empty, b"k" * size)
    assert empty.read_bytes() == b""


def test_trap_3_the_key_is_used_raw(folder: Path) -> None:
    """Page 1 opens with the very 32 bytes, by a second implementation: no derivation in between."""
    from vault_kit import PAGE, open_page

    make(folder).close()
    page = open_page(key_of(folder), 1, (folder / "vault.db").read_bytes()[:PAGE])
    assert b"CREATE TABLE notes" in page


# 4. The cipher after the key is ignored though it answers; a key on a plain file answers ok and fails later.


def test_trap_4_the_pages_really_are_chacha20_with_tags(empty: Path) -> None:
    db = database.connect(empty, KEY)
    db.execute("CREATE TABLE t (x)")
    db.close()
    head = empty.read_bytes()[:24]
    assert head[:16] != b"SQLite format 3\0" and head[20] == 32  # 16 bytes of nonce and 16 of tag in every page
    for other in ("aes128cbc", "aes256cbc", "sqlcipher", "rc4"):
        stranger = apsw.Connection(str(empty))
        stranger.pragma("cipher", other)
        stranger.pragma("key", "raw:" + KEY.hex())
        with pytest.raises(apsw.NotADBError):
            stranger.execute("SELECT * FROM t")
        stranger.close()


def test_trap_4_a_vault_under_another_cipher_is_refused(folder: Path) -> None:
    make(folder).close()
    key = key_of(folder)
    (folder / "vault.db").unlink()
    db = apsw.Connection(str(folder / "vault.db"))
    db.pragma("cipher", "aes256cbc")
    db.pragma("key", "raw:" + key.hex())
    db.execute(STEPS[0])
    db.close()
    with pytest.raises(VaultDamaged):
        reopen(folder)


def test_trap_4_a_plain_database_is_refused_and_left_alone(folder: Path) -> None:
    make(folder).close()
    (folder / "vault.db").unlink()
    db = apsw.Connection(str(folder / "vault.db"))
    db.execute(STEPS[0])
    db.close()
    before = (folder / "vault.db").read_bytes()
    with pytest.raises(VaultDamaged, match="not encrypted"):
        reopen(folder)
    assert (folder / "vault.db").read_bytes() == before


# 5. VACUUM INTO another key puts that key into SQL text; copies are made through the backup interface.


def test_trap_5_a_copy_is_encrypted_under_the_same_key(folder: Path) -> None:
    with make(folder) as vault:
        put(vault, "CANARY")
        key = key_of(folder)
        copy = migrate.backup(vault.db, folder / layout.DATABASE, lambda path: database.connect(path, key))
        assert b"CANARY" not in copy.read_bytes()
        assert not list(folder.glob("*.part*")) and not list(folder.glob("*before*-wal"))
        with pytest.raises(apsw.NotADBError):
            database.connect(copy, KEY)
        same = database.connect(copy, key)
        assert same.execute("SELECT body FROM notes").get == "CANARY"
        same.close()


def test_trap_5_no_statement_of_this_room_names_a_key_or_a_file() -> None:
    room = Path(database.__file__).parent
    for path in [*room.glob("*.py"), *room.glob("schema/*.sql")]:
        assert not re.search(r"\b(VACUUM|ATTACH|REKEY)\b", path.read_text("utf-8")), path.name


def test_the_key_is_in_no_error_and_no_trace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(folder).close()
    key = key_of(folder).hex()

    class Talkative(apsw.Connection):
        def pragma(self, name: str, *args: Any, **kwargs: Any) -> Any:
            if name == "key":
                raise apsw.SQLError(f"near {args}: no such key")
            return super().pragma(name, *args, **kwargs)

    monkeypatch.setattr(apsw, "Connection", Talkative)
    with pytest.raises(VaultError) as caught:
        reopen(folder)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    text = "".join(traceback.format_exception(caught.value))
    assert key not in text.lower() and key[:16] not in text.lower() and PASSPHRASE not in text


def test_a_failing_setting_is_refused(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, _ in database._SETTINGS:

        class Stubborn(apsw.Connection):
            stuck = name

            def pragma(self, name: str, *args: Any, **kwargs: Any) -> Any:
                return 99 if name == self.stuck else super().pragma(name, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(apsw, "Connection", Stubborn)
            with pytest.raises(VaultError, match=name):
                database.connect(empty, KEY)


def test_every_setting_holds_at_every_opening(folder: Path) -> None:
    wanted = {
        "temp_store": 2,
        "secure_delete": 1,
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "mmap_size": 0,
        "journal_mode": "wal",
        "cipher": "chacha20",
        "busy_timeout": 10_000,
    }
    for vault in (make(folder), reopen(folder), reopen(folder)):
        assert {name: vault.db.pragma(name) for name in wanted} == wanted
        vault.close()


# 6. A lingering connection, even one that failed its key, blocks others.


def test_trap_6_a_failed_opening_leaves_no_connection(folder: Path) -> None:
    make(folder).close()
    key = key_of(folder)
    header = (folder / "vault.keys").read_bytes()
    make(folder.parent / "other").close()
    (folder / "vault.keys").write_bytes((folder.parent / "other" / "vault.keys").read_bytes())
    gc.disable()
    try:
        with pytest.raises(VaultDamaged):
            reopen(folder)
        db = database.connect(folder / "vault.db", key)
        assert db.pragma("journal_mode", "delete") == "delete"
        assert db.pragma("journal_mode", "wal") == "wal"
        db.close()
    finally:
        gc.enable()
    (folder / "vault.keys").write_bytes(header)
    reopen(folder).close()


# 7 and 8. Search: built-in tokenizers only; text of a person is no query.


def test_trap_7_the_search_table_needs_no_python_on_the_connection(folder: Path) -> None:
    make(folder, steps=None).close()
    db = database.connect(folder / "vault.db", key_of(folder))
    assert db.execute("SELECT count(*) FROM letters_fts").get == 0
    db.close()


def test_trap_8_the_text_of_a_query_can_raise_so_it_is_never_a_persons_text(folder: Path) -> None:
    """What the table of letters must not hand on; kept here so that an upgrade that changes it is noticed."""
    with make(folder, steps=None) as vault, pytest.raises(apsw.SQLError):
        vault.all("SELECT rowid FROM letters_fts WHERE letters_fts MATCH ?", 'he said "')


# 9. Found while testing: a layer put above the encrypting one leaves the log in the clear.


def test_trap_9_another_outermost_layer_is_refused(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Layer(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("layer", base="multipleciphers-unix")

        def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
            return apsw.VFSFile("multipleciphers-unix", name, flags)

    layer = Layer()
    monkeypatch.setattr(apsw, "Connection", functools.partial(apsw.Connection, vfs="layer"))
    with pytest.raises(VaultError, match="cipher"):
        database.connect(empty, KEY)
    layer.unregister()


def test_what_is_put_is_never_text_for_the_parser(folder: Path) -> None:
    with make(folder) as vault:
        put(vault, "'); DROP TABLE notes; --")
        assert bodies(vault) == ["'); DROP TABLE notes; --"]
