"""Results as data: recorded, compared, refused when they change; the numbers of the prose are the committed ones."""

import json

import pytest

from lmcore import results
from lmcore.corpora import corpus_version
from lmcore.results import ResultChanged, as_written, claims, record, refresh, result, settings_hash

ARGUMENTS = {"unit": "bits", "data": "village 1", "config": {"order": 3}, "seeds": [1, 2]}


@pytest.fixture
def empty(tmp_path, monkeypatch):
    folder = tmp_path / "book" / "results"
    folder.mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(results, "RESULTS", folder)
    monkeypatch.setattr(results, "ROOT", tmp_path)
    monkeypatch.setenv("LMCORE_RECORD", "1")
    record("chapter", "loss", 1.234567891, **ARGUMENTS, seconds=3.3, tolerance=0.01)
    monkeypatch.delenv("LMCORE_RECORD")
    return tmp_path


def test_a_value_is_written_once_and_then_compared(empty):
    assert result("chapter.loss") == 1.23457
    record("chapter", "loss", 1.24, **ARGUMENTS)
    with pytest.raises(ResultChanged, match=r"chapter\.loss is 1\.25 bits here, but 1\.23457"):
        record("chapter", "loss", 1.25, **ARGUMENTS)
    with pytest.raises(ResultChanged, match="other settings"):
        record("chapter", "loss", 1.234567, **ARGUMENTS | {"config": {"order": 4}})
    with pytest.raises(ResultChanged, match="other settings"):
        record("chapter", "loss", 1.234567, **ARGUMENTS | {"data": "village 2"})
    with pytest.raises(ResultChanged, match="no row 'gain'"):
        record("chapter", "gain", 1.0, **ARGUMENTS)
    with pytest.raises(KeyError, match="gain"):
        result("chapter.gain")


def test_without_the_book_there_is_nothing_to_compare(empty, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", empty / "nowhere")
    record("chapter", "loss", 99.0, **ARGUMENTS)
    assert not (empty / "nowhere").exists()


def test_refresh_sets_the_prose_to_the_committed_values(empty):
    page = empty / "book" / "page.md"
    page.write_text("It costs 1.99<!--r:chapter.loss--> bits, that is 1.2<!--r:chapter.loss-->.")
    assert refresh() == [page] and refresh() == []
    assert page.read_text() == "It costs 1.23<!--r:chapter.loss--> bits, that is 1.2<!--r:chapter.loss-->."
    assert as_written(380728, "1,000") == "380,728" and as_written(0.5, "-0.25") == "0.50"


def _texts():
    for path in results.prose():
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            yield from ((path.name, "".join(cell["source"])) for cell in cells if cell["cell_type"] == "markdown")
        else:
            yield path.name, path.read_text(encoding="utf-8")


def test_every_number_of_the_prose_is_the_committed_result():
    wrong = [
        f"{page}: {claim} is {as_written(result(claim), number)}, the text says {number}"
        for page, text in _texts()
        for number, claim in claims(text)
        if as_written(result(claim), number) != number
    ]
    assert not wrong, "; ".join(wrong) + ". Run `make results` to refresh the prose."


def test_every_mark_in_the_prose_is_a_claim():
    """A mark that the pattern does not take (a misspelt one) would be checked by nobody."""
    for page, text in _texts():
        assert text.count("<!--r:") == len(list(claims(text))), page


@pytest.mark.parametrize("path", sorted(results.RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_committed_results_belong_to_todays_data_and_settings(path):
    for name, row in json.loads(path.read_text(encoding="utf-8")).items():
        assert row["hash"] == settings_hash(row["data"], row["config"]), f"{path.stem}.{name}"
        assert row["data"] == corpus_version(row["data"].split()[0]), (
            f"{path.stem}.{name} is of other data; record it anew"
        )
        assert set(row) >= {"value", "unit", "seeds", "spread", "seconds", "tolerance", "where"}
