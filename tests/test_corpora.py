"""Corpora: found, downloaded from a server on loopback, or refused with a reason; never half a file."""

import hashlib
import http.server
import threading

import pytest

from lmcore import corpora, first_available, load_corpus
from lmcore.corpora import CorpusUnavailable

PLAY = b"First Citizen:\nWe are the tests.\n"


class Server(http.server.BaseHTTPRequestHandler):
    payload, cut = PLAY, False

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.payload)))
        self.end_headers()
        self.wfile.write(self.payload[: len(self.payload) // 2] if self.cut else self.payload)

    def log_message(self, *_):
        pass


@pytest.fixture
def served(monkeypatch, tmp_path):
    """The registry points at a loopback server that has one short play; the cache is empty."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.delenv("LMCORE_DATA", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LMCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(corpora, "HOST", f"http://127.0.0.1:{server.server_port}")
    source = corpora._REGISTRY["tinyshakespeare"]
    files = {"all": ("input.txt", hashlib.sha256(PLAY).hexdigest())}
    monkeypatch.setitem(corpora._REGISTRY, "tinyshakespeare", source._replace(files=files))
    monkeypatch.setattr(Server, "payload", PLAY)
    monkeypatch.setattr(Server, "cut", False)
    yield tmp_path / "cache" / "tinyshakespeare"
    server.shutdown()
    server.server_close()


def files_in(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_corpus_is_downloaded_once_and_then_read_without_a_network(served, monkeypatch):
    assert load_corpus("tinyshakespeare") == PLAY.decode()
    assert files_in(served) == ["input.txt"]
    monkeypatch.setattr(corpora, "HOST", "http://127.0.0.1:9")
    assert load_corpus("tinyshakespeare") == PLAY.decode()


def test_a_wrong_hash_is_refused_and_nothing_is_kept(served, monkeypatch):
    monkeypatch.setattr(Server, "payload", PLAY.replace(b"tests", b"ghosts"))
    with pytest.raises(ValueError, match="SHA-256 is wrong"):
        load_corpus("tinyshakespeare")
    assert files_in(served) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(served):
    served.mkdir(parents=True)
    (served / "input.txt").write_bytes(PLAY[:5])
    assert load_corpus("tinyshakespeare") == PLAY.decode()


def test_an_interrupted_download_leaves_no_half_file(served, monkeypatch):
    monkeypatch.setattr(Server, "cut", True)
    with pytest.raises((CorpusUnavailable, ValueError), match=r"could not be downloaded|SHA-256"):
        load_corpus("tinyshakespeare")
    assert files_in(served) == []


def test_without_network_and_cache_the_message_says_what_to_do(served, monkeypatch):
    monkeypatch.setattr(corpora, "HOST", "http://127.0.0.1:9")
    with pytest.raises(CorpusUnavailable, match=r"could not be downloaded.*Connect once.*pydocs"):
        load_corpus("tinyshakespeare")
    assert first_available("tinyshakespeare", "pydocs").name == "pydocs"
    with pytest.raises(CorpusUnavailable, match="could not be downloaded"):
        first_available("tinyshakespeare")


def test_a_cache_that_cannot_be_written_is_named(served, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LMCORE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(PermissionError, match="LMCORE_CACHE"):
        load_corpus("tinyshakespeare")


def test_the_data_folder_is_used_alone_and_checked(served, monkeypatch, tmp_path):
    folder = tmp_path / "data" / "tinyshakespeare"
    monkeypatch.setenv("LMCORE_DATA", str(tmp_path / "data"))
    with pytest.raises(FileNotFoundError, match="LMCORE_DATA"):
        load_corpus("tinyshakespeare")
    folder.mkdir(parents=True)
    with pytest.raises(CorpusUnavailable, match="LMCORE_DATA"):
        load_corpus("tinyshakespeare")
    (folder / "input.txt").write_bytes(PLAY)
    assert load_corpus("tinyshakespeare") == PLAY.decode()
    (folder / "input.txt").write_bytes(PLAY[1:])
    with pytest.raises(ValueError, match="SHA-256"):
        load_corpus("tinyshakespeare")
    assert not served.exists()


def test_a_relative_data_folder_counts_from_the_repository(monkeypatch):
    monkeypatch.setenv("LMCORE_DATA", "lmcore")
    assert corpora.data_folder().is_absolute() and (corpora.data_folder() / "corpora.py").is_file()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: load_corpus("shakespear"), r"no corpus is called 'shakespear'; there are tinyshakespeare"),
        (lambda: load_corpus("multi30k"), r"train\.en"),
        (lambda: load_corpus("multi30k", split="train", language="it"), r"no part 'train\.it'"),
        (lambda: load_corpus("pydocs", split="train"), "one text"),
        (lambda: first_available("pydoc"), "no corpus is called"),
    ],
)
def test_names_that_do_not_exist_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize("name", ["pydocs", "pycode", "village"])
def test_the_corpora_that_are_always_there(name):
    text = load_corpus(name)
    assert len(text) > 100_000 and text == load_corpus(name)


def test_the_registry_has_whole_hashes_and_pinned_commits():
    for source in corpora._REGISTRY.values():
        assert len(source.address.split("/")[2]) == 40
        for _, sha256 in source.files.values():
            assert len(sha256) == 64 and int(sha256, 16)


@pytest.mark.parametrize("name", sorted(corpora._REGISTRY))
def test_every_file_of_the_data_folder_is_the_one_of_the_registry(name):
    """Where the data sets are on this machine each part must have its hash; where they are not, the refusal says so."""
    for part in corpora._REGISTRY[name].files:
        split, _, language = part.partition(".")
        arguments = {"split": None if split == "all" else split, "language": language or None}
        if corpora.data_folder() is None:
            assert len(corpora._REGISTRY[name].files[part][1]) == 64
        else:
            assert len(load_corpus(name, **arguments)) > 10_000
