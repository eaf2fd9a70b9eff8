import pytest
from matplotlib.text import Annotation
from tests.language.graph.hand import answered, graph
from tests.language.graph.test_difference import AFTER, BEFORE

from unfrozen.language.graph import differ
from unfrozen.language.graph.plots import difference_picture, picture, reliability_diagram
from unfrozen.language.graph.reliability import measure


def arrows(figure):
    return [t.arrow_patch for t in figure.axes[0].texts if isinstance(t, Annotation)]


def labels(figure):
    return {t.get_text(): t for t in figure.axes[0].texts if not isinstance(t, Annotation)}


def legend(figure):
    return [t.get_text() for t in figure.legends[0].get_texts()]


def test_a_reliability_diagram_shows_the_bins():
    found = measure([0.05, 0.15, 0.15, 0.95], [False, True, False, True])
    figure = reliability_diagram(found, "tiny")
    line = next(li for li in figure.axes[0].lines if li.get_label() == "answers")
    assert list(line.get_xdata()) == [b[0] for b in found.bins]
    assert list(line.get_ydata()) == [b[1] for b in found.bins]
    assert [p.get_height() for p in figure.axes[1].patches] == [1, 2, 1]
    assert "calibration error" in figure.get_suptitle()
    assert figure.axes[0].get_ylabel() == "share that is right"
    assert figure.axes[1].get_xlabel() == "confidence"


GRAPH = graph(
    answered("France", {"Paris": 0.9, "Rome": 0.1}, confidence=0.9),
    answered("Florbistan", {"Paris": 0.6, "Rome": 0.1}, confidence=0.1, extrapolated=True),
    answered("France", {"Euro": 0.6, "Franc": 0.2}, relation="currency", confidence=0.5),
    answered("$40 & a very long name of a country", {"Oslo": 1.0}, confidence=0.3),
    model="tiny",
)


def test_a_picture_has_an_arrow_an_edge_wide_where_sure():
    figure = picture(GRAPH)
    found = arrows(figure)
    assert len(found) == 4
    widths = [a.get_linewidth() for a in found]
    assert widths == pytest.approx([0.5 + 3 * c for c in (0.9, 0.5, 0.1, 0.3)])
    assert [a.get_linestyle() for a in found] == ["-", "-", "--", "-"]
    colours = [a.get_edgecolor() for a in found]
    assert colours[0] == colours[2] != colours[1]
    names = labels(figure)
    assert set(names) == {
        "France",
        "Paris",
        "Florbistan",
        "Euro",
        "Oslo",
        "$40 & a very long name of…",
    }
    assert names["France"].get_fontweight() == "bold"
    assert names["Paris"].get_fontweight() == "normal"
    assert legend(figure) == ["capital", "currency", "extrapolated"]
    assert "4 of 4 edges" in figure.get_suptitle()
    figure.canvas.draw()


def test_names_do_not_lie_on_each_other():
    many = graph(
        *(answered(f"country {i}", {f"town {i % 5}": 0.9, "x": 0.01}) for i in range(40)),
        answered("apart", {"alone": 0.9, "x": 0.1}),
    )
    figure = picture(many)
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in labels(figure).values()]
    lying = sum(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert len(boxes) == 47
    assert lying <= 4
    assert picture(many, most=10).get_suptitle().startswith("a model: 10 of 41 edges")
    again = {t: (n._x, n._y) for t, n in labels(picture(many)).items()}
    assert again == {t: (n._x, n._y) for t, n in labels(figure).items()}


def test_a_difference_is_grey_before_and_coloured_after():
    figure = difference_picture(differ(BEFORE, AFTER))
    found = arrows(figure)
    colours = [a.get_edgecolor() for a in found]
    # Six questions changed: one edge appeared and one vanished, the other four have both sides.
    assert len(found) == 10
    grey = [c for c in colours if c[0] == c[1] == c[2]]
    assert len(grey) == 5
    assert len(set(colours)) == 3
    assert legend(figure) == ["before", "after, as was meant", "after, collateral"]
    assert "6 of 6 changed edges, 7 questions" in figure.get_suptitle()
    figure.canvas.draw()
    few = difference_picture(differ(BEFORE, AFTER), most=2)
    assert {"France", "Chad"} <= set(labels(few))
    difference_picture(differ(BEFORE, BEFORE)).canvas.draw()
    picture(graph()).canvas.draw()
