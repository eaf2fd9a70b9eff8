"""Film reviews against what is known of them, and splits that leak nothing."""

import pytest

from unfrozen.data.reviews import film_reviews, split_by_film
from unfrozen.errors import DataError


def test_reviews_are_as_counted():
    reviews = film_reviews()
    # The published counts of the file, but for fourteen rows without a text.
    assert len(reviews) > 12_790
    assert 7_390 < sum(review.fresh for review in reviews) <= 7_403
    assert all(review.text == review.text.strip() and review.film for review in reviews)
    unfunny = [r for r in reviews if r.text.startswith("This extremely unfunny film clocks in")]
    assert [(r.fresh, r.film) for r in unfunny] == [(False, "orange_county")]


@pytest.mark.parametrize("seed", [0, 1])
def test_no_film_is_in_two_sets(seed):
    sets = split_by_film(film_reviews(), (1000, 500, 400), seed)
    assert [len(one) for one in sets] == [1000, 500, 400]
    assert all(sum(review.fresh for review in one) == len(one) // 2 for one in sets)
    films = [{review.film for review in one} for one in sets]
    assert not films[0] & films[1]
    assert not films[0] & films[2]
    assert not films[1] & films[2]
    assert sets == split_by_film(film_reviews(), (1000, 500, 400), seed)
    assert sets != split_by_film(film_reviews(), (1000, 500, 400), seed + 1)


def test_what_cannot_be_split_is_refused():
    with pytest.raises(DataError, match="too few"):
        split_by_film(film_reviews(), (20_000,), 0)
    with pytest.raises(DataError, match="even sizes"):
        split_by_film(film_reviews(), (3,), 0)
