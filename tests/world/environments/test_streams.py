"""Streams of random numbers against published outputs, and apart from each other."""

import numpy as np

from unfrozen.world.environments.streams import Streams, splitmix


def test_outputs_are_those_of_the_reference_implementation():
    # splitmix64.c of Vigna with the seed 1234567, as Rosetta Code lists them.
    published = [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
        16408922859458223821,
    ]  # fmt: skip
    drawn = splitmix(np.array([1234567], np.uint64), np.zeros(1, np.uint64), 5)
    assert drawn[0].tolist() == published


def test_a_stream_does_not_depend_on_its_neighbours():
    many, one = Streams(np.arange(5)), Streams(np.array([3]))
    first = many.uniform(np.arange(5), 4)
    many.uniform(np.array([0, 1]), 7)
    second = many.uniform(np.array([3]), 2)
    alone = one.uniform(np.array([0]), 6)
    assert np.array_equal(np.concatenate([first[3], second[0]]), alone[0])
    many.seed(np.array([3]), np.array([3]))
    assert np.array_equal(many.uniform(np.array([3]), 6), alone)


def test_numbers_are_uniform_within_and_across_streams():
    drawn = Streams(np.arange(2000)).uniform(np.arange(2000), 50)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = np.histogram(drawn, 20, (0, 1))[0]
    # Chi-squared of 19 degrees of freedom: 43.8 is exceeded once in a thousand.
    assert ((counts - 5000) ** 2 / 5000).sum() < 43.8
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.08
