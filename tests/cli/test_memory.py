"""Memories on the command line: vectors from files, texts through a tiny model."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from unfrozen.cli.main import main
from unfrozen.memory.store import MappedStore

PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


def matrix(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def run(*words):
    return main(["memory", *map(str, words)])


def record(path="out.json"):
    return json.loads(Path(path).read_text())


def content(folder):
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.name != "lock"}


def test_vectors_are_written_read_and_forgotten(capfd):
    keys = matrix(0, 300, 16)
    np.save("keys.npy", keys)
    np.save("queries.npy", keys[[7, 200]] + 0.05)
    assert run("create", "m", "--width", 16) == 0
    assert run("write", "m", "--from", "keys.npy", "--json", "out.json") == 0
    assert record()["ids"] == list(range(300))
    assert run("read", "m", "--from", "queries.npy", "--beta", 2, "--json", "out.json") == 0
    out = record()
    assert [q["nearest"][0]["id"] for q in out["queries"]] == [7, 200]
    scores = 2 * (keys[[7, 200]] + 0.05) @ keys.T
    weights = np.exp(scores - scores.max(1, keepdims=True))
    expected = weights / weights.sum(1, keepdims=True) @ keys
    np.testing.assert_allclose([q["values"] for q in out["queries"]], expected, atol=1e-4)
    assert run("forget", "m", 7, 8) == 0
    assert run("read", "m", "--from", "queries.npy", "--json", "out.json") == 0
    assert record()["queries"][0]["nearest"][0]["id"] != 7
    assert run("stats", "m", "--check", "--json", "out.json") == 0
    assert record()["patterns"] == 298
    text, err = capfd.readouterr()
    assert err == ""
    assert "2 forgotten, 298 left" in text
    assert "all right" in text


def test_values_are_read_in_the_place_of_keys(capfd):
    keys, values = matrix(0, 20, 8), matrix(1, 20, 3)
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    np.save("keys.npy", keys)
    np.save("values.npy", values)
    np.save("one.npy", keys[4])
    assert run("create", "m", "--width", 8, "--values", 3) == 0
    assert run("write", "m", "--from", "keys.npy", "--values", "values.npy") == 0
    assert run("read", "m", "--from", "one.npy", "--beta", 60, "--json", "-") == 0
    out = json.loads(capfd.readouterr().out.split("written, 0 to 19\n")[1])
    np.testing.assert_allclose(out["queries"][0]["values"], values[4], atol=0.01)


def test_a_way_is_drawn(capfd):
    keys = matrix(0, 50, 8)
    np.save("keys.npy", keys)
    np.save("queries.npy", 0.5 * keys[:3])
    run("create", "m", "--width", 8)
    run("write", "m", "--from", "keys.npy")
    words = ["--from", "queries.npy", "--beta", 1, "--steps", 4, "--out", "fall.png"]
    assert run("read", "m", *words, "--json", "out.json") == 0
    assert Path("fall.png").read_bytes().startswith(PNG)
    states = torch.from_numpy(0.5 * keys[:3]).double()
    patterns = torch.from_numpy(keys).double()
    for _ in range(4):
        states = (states @ patterns.T).softmax(1) @ patterns
    found = [q["values"] for q in record()["queries"]]
    np.testing.assert_allclose(found, states.numpy(), atol=1e-4)


@pytest.mark.parametrize("lists", [True, False])
def test_tables_of_vectors_are_taken(lists):
    import pyarrow
    from pyarrow import parquet

    keys = matrix(0, 12, 4)
    if lists:
        names = [f"row {i}" for i in range(12)]
        table = pyarrow.table({"name": names, "vector": keys.tolist()})
    else:
        table = pyarrow.table({f"f{i}": keys[:, i] for i in range(4)})
    parquet.write_table(table, "keys.parquet")
    assert run("create", "m", "--width", 4) == 0
    assert run("write", "m", "--from", "keys.parquet") == 0
    store = MappedStore.open("m")
    np.testing.assert_array_equal(store.get(store.ids)[0].numpy(), keys)


def test_texts_are_remembered(tiny_folder, capfd):
    texts = ["The cat sleeps.", "Rust is a language.", "Übermut tut selten gut."]
    Path("notes.txt").write_text("\n\n".join(texts[1:]), encoding="utf-8")
    assert run("create", "m", "--texts", "--model", tiny_folder) == 0
    assert run("write", "m", texts[0]) == 0
    assert run("write", "m", "--from", "notes.txt", "--json", "out.json") == 0
    assert record()["ids"] == [1, 2]
    assert run("read", "m", texts[2], "--top", 2, "--json", "out.json") == 0
    found = record()
    assert (found[0]["id"], found[0]["text"], len(found)) == (2, texts[2], 2)
    assert run("forget", "m", 2) == 0
    assert run("read", "m", texts[2], "--json", "out.json") == 0
    assert texts[2] not in {f["text"] for f in record()}
    assert run("stats", "m", "--json", "out.json") == 0
    assert record()["model"] == str(tiny_folder)
    assert capfd.readouterr().err == ""
    Path("empty.txt").write_text("\n")
    assert run("write", "m", "--from", "empty.txt") == 2
    assert "empty.txt holds no text" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["create", "new"], "give --width"),
        (["create", "new", "--texts", "--width", "3"], "give --width"),
        (["create", "new", "--width", "3", "--model", "x"], "needs no --model"),
        (["create", "new", "--width", "3", "--policy", "loudest"], "no policy 'loudest'"),
        (["create", "m", "--width", "3"], "not empty"),
        (["stats", "nowhere"], "there is no store"),
        (["write", "m"], "--from FILE"),
        (["write", "m", "words"], "--from FILE"),
        (["write", "m", "--from", "none.npy"], "cannot be read"),
        (["write", "m", "--from", "bad.npy"], "cannot be read"),
        (["write", "m", "--from", "bad.parquet"], "cannot be read"),
        (["write", "m", "--from", "notes.txt"], "neither .npy nor .parquet"),
        (["write", "m", "--from", "wide.npy"], "has 5 features and the memory 3"),
        (["write", "m", "--from", "words.npy"], "not rows"),
        (["write", "m", "--from", "wide.npy", "--values", "three.npy"], "one each is needed"),
        (["write", "m", "--from", "nan.npy"], "not all finite"),
        (["read", "m", "words"], "ask with --from FILE"),
        (["read", "m", "--from", "three.npy"], "is empty"),
        (["forget", "m", "0"], "no pattern 0"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(words, message, capfd):
    run("create", "m", "--width", 3)
    before = content("m")
    np.save("wide.npy", matrix(0, 2, 5))
    np.save("three.npy", matrix(0, 4, 3))
    np.save("words.npy", np.array([["a", "b"]]))
    np.save("nan.npy", np.full((2, 3), np.nan, dtype=np.float32))
    Path("bad.npy").write_bytes(b"nothing")
    Path("bad.parquet").write_bytes(b"nothing")
    Path("notes.txt").write_text("a note")
    capfd.readouterr()
    assert run(*words) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not Path("new").exists()
    assert content("m") == before
