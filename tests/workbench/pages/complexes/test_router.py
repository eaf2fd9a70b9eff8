"""The page Complexes: numbers against closed forms, matrices against what they have to satisfy."""

import json

import networkx as nx
import numpy as np
import pytest

URL = "/api/complexes/build"


def matrix(page, built, name):
    response = page.get(f"/api/complexes/{built['number']}/matrix", name=name)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("asked", "cells", "betti", "euler"),
    [
        ({"example": "torus"}, [288, 864, 576], [1, 2, 1], 0),
        ({"example": "sphere"}, None, [1, 0, 1], 2),
        ({"example": "petersen"}, [10, 15], [1, 6], -5),
        # Twelve pentagons close the dodecahedron to a sphere.
        (
            {"example": "dodecahedron", "lift": {"name": "rings", "reach": 5}},
            [20, 30, 12],
            [1, 0, 1],
            2,
        ),
        # Zachary's club has 45 triangles.
        ({"example": "karate", "lift": {"name": "cliques"}}, [34, 78, 45], None, 1),
    ],
    ids=lambda value: value.get("example") if isinstance(value, dict) else None,
)
def test_numbers_are_those_of_the_books(page, asked, cells, betti, euler):
    found = page.done(URL, asked)
    if cells is not None:
        assert [one["cells"] for one in found["ranks"]] == cells
    assert betti is None or found["betti"] == betti
    assert (found["euler"], found["components"]) == (euler, 1)
    assert len(found["points"]) == found["ranks"][0]["cells"]
    assert [(one["least"], one["most"]) for one in found["ranks"][:2]] == [(1, 1), (2, 2)]
    added = found["ranks"][-1]["added"]
    assert added == (found["ranks"][-1]["cells"] if "lift" in asked else 0)


def test_matrices_are_incidence_and_its_products(page):
    built = page.done(URL, {"example": "petersen"})
    names = {one["told"]: one["name"] for one in built["matrices"]}
    boundary = np.array(matrix(page, built, names["boundaries of rank 1"])["values"])
    assert boundary.shape == (10, 15)
    assert (boundary.sum(0) == 0).all()
    assert (np.abs(boundary).sum(0) == 2).all()
    flat = matrix(page, built, names["Laplacian of nodes"])
    assert np.array_equal(flat["values"], boundary @ boundary.T)
    values = np.linalg.eigvalsh(nx.laplacian_matrix(nx.petersen_graph()).toarray())
    assert np.linalg.eigvalsh(flat["values"]) == pytest.approx(values, abs=1e-6)
    around = matrix(page, built, names["rank 1 around it"])
    assert np.array_equal(around["values"], np.abs(boundary))
    assert (around["shape"], around["entries"], around["cut"]) == ([10, 15], 30, False)


def test_what_is_large_is_shown_in_part(page):
    built = page.done(URL, {"example": "torus"})
    name = next(one["name"] for one in built["matrices"] if one["told"] == "boundaries of rank 2")
    found = matrix(page, built, name)
    assert (found["shape"], found["cut"]) == ([864, 576], True)
    assert np.array(found["values"]).shape == (150, 150)


def test_edges_and_complexes_are_uploaded(page):
    lines = b"# a triangle and a tail\na,b\nb c\nc\ta\nc;d\nd d\n"
    found = page.upload("/api/complexes/uploads", lines, name="graph.csv").json()
    assert (found["nodes"], found["notes"]) == (4, ["left out: 1 edges from a node to itself"])
    built = page.done(URL, {"upload": found["number"], "lift": {"name": "cliques"}})
    assert sorted(built["labels"]) == ["a", "b", "c", "d"]
    assert [one["cells"] for one in built["ranks"]] == [4, 4, 1]
    assert len(built["polygons"][0]) == 3
    ours = {"kind": "complex", "format": 1, "nodes": 3, "cells": {"1": [[0, 1, 2]]}}
    again = page.upload("/api/complexes/uploads", json.dumps(ours).encode(), name="a.json").json()
    built = page.done(URL, {"upload": again["number"]})
    assert [one["cells"] for one in built["ranks"]] == [3, 1]
    assert built["sets"][0]["nodes"] == [0, 1, 2]
    assert built["ranks"][1]["oriented"]


def test_what_makes_no_sense_is_told_in_one_line(page):
    upload = "/api/complexes/uploads"
    assert "is not taken" in page.refused(page.upload(upload, b"x", name="a.pkl"))
    assert "line 1" in page.refused(page.upload(upload, b"alone", name="a.csv"))
    assert "no edges" in page.refused(page.upload(upload, b"", name="a.txt"))
    assert "no text" in page.refused(page.upload(upload, b"\xff\xfe\x00", name="a.txt"))
    assert "no complex" in page.refused(page.upload(upload, b"{}", name="a.json"))
    many = b"\n".join(b"%d %d" % (i, i + 1) for i in range(5001))
    assert "up to 5,000" in page.refused(page.upload(upload, many, name="a.csv"))
    assert "choose an example" in page.job(URL, {})["error"]
    assert "no example 'cow'" in page.job(URL, {"example": "cow"})["error"]
    wrong = {"example": "karate", "lift": {"name": "cofaces", "reach": 2}}
    assert "has no reach" in page.job(URL, wrong)["error"]
    assert "not remembered" in page.refused(page.get("/api/complexes/99/matrix", name="B"))
    built = page.done(URL, {"example": "fano"})
    refused = page.get(f"/api/complexes/{built['number']}/matrix", name="B_{7,8}")
    assert "no matrix" in page.refused(refused)
