"""Complexes: chosen or uploaded, lifted, drawn, turned, and seen as matrices."""

import pytest
from playwright.sync_api import expect

from browser.conftest import over, picture, ready


@pytest.fixture
def page(desk):
    return desk.open("complexes")


def build(page, example, lift="", reach=""):
    page.get_by_label("Graph, mesh or hypergraph").select_option(example)
    page.get_by_label("Lift", exact=True).select_option(lift)
    if reach:
        page.locator("#reach").fill(reach)
    page.get_by_role("button", name="Build it").click()
    expect(page.locator("#title")).to_contain_text(example)
    over(page, "#build-job")


def test_a_graph_is_lifted_drawn_and_seen_as_matrices(page):
    build(page, "dodecahedron", "rings", "5")
    expect(page.locator("#numbers")).to_contain_text("1, 0, 1")
    expect(page.locator("#drawing .main-svg").first).to_be_visible()
    expect(page.locator("#matrix-found")).to_contain_text("20 rows, 30 columns")
    page.get_by_label("Matrix", exact=True).select_option(label="L(0): Laplacian of nodes")
    expect(page.locator("#matrix-found")).to_contain_text("20 rows, 20 columns")
    picture(page, "complexes-lifted")


def test_a_mesh_is_turned_and_found_again_after_a_reload(page):
    build(page, "trefoil")
    page.get_by_label("Turn").fill("120")
    picture(page, "complexes-mesh")
    page.reload()
    ready(page)
    expect(page.locator("#title")).to_have_text("trefoil")
    expect(page.get_by_label("Graph, mesh or hypergraph")).to_have_value("trefoil")


def test_a_hypergraph_has_sets(page):
    build(page, "fano")
    expect(page.locator("#numbers")).to_contain_text("no orientation")
    picture(page, "complexes-sets")


def test_edges_come_from_a_file_and_what_is_none_is_told(page, tmp_path):
    good, bad = tmp_path / "friends.csv", tmp_path / "friends.pkl"
    good.write_text("ann,bob\nbob,cat\ncat,ann\ncat,dan\n")
    bad.write_bytes(b"\x80")
    page.get_by_label("Or from a file").set_input_files(bad)
    expect(page.get_by_role("alert")).to_contain_text("is not taken")
    picture(page, "complexes-error")
    page.get_by_label("Or from a file").set_input_files(good)
    expect(page.locator("#file-told")).to_contain_text("4 nodes")
    page.get_by_label("Lift", exact=True).select_option("cliques")
    page.get_by_role("button", name="Build it").click()
    expect(page.locator("#title")).to_have_text("friends.csv, cliques")
    over(page, "#build-job")
    picture(page, "complexes-uploaded")


def test_a_lift_that_does_not_fit_is_told(page):
    page.get_by_label("Graph, mesh or hypergraph").select_option("fano")
    page.get_by_label("Lift", exact=True).select_option("rings")
    page.locator("#reach").fill("2")
    page.get_by_role("button", name="Build it").click()
    expect(page.get_by_role("alert")).to_be_visible()


def test_two_tabs_build_their_own(desk, page):
    other = desk.open("complexes")
    build(page, "petersen")
    build(other, "karate", "cliques")
    expect(page.locator("#title")).to_have_text("petersen")
    expect(other.locator("#title")).to_have_text("karate, cliques")
