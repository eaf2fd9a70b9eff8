"""What graphs cannot tell apart
=============================

Decalin and bicyclopentyl have atoms with the same neighbours, as far as any graph network can see.
With rings as cells they differ at once: two of six atoms, or two of five.
"""

from unfrozen.topology import Complex
from unfrozen.topology.drawing import draw
from unfrozen.topology.lifting import rings
from unfrozen.topology.tasks import cellular, unseparated

decalin = Complex({1: [*([i, (i + 1) % 10] for i in range(10)), [0, 5]]})
five = [[i, (i + 1) % 5] for i in range(5)]
bicyclopentyl = Complex({1: [*five, *([5 + a, 5 + b] for a, b in five), [0, 5]]})
for name, lift in (("as graphs", lambda each: each), ("with rings", rings)):
    pair = [lift(each) for each in (decalin, bicyclopentyl)]
    print(f"{name}: {'alike' if unseparated(pair, cellular(pair[0])) else 'told apart'}")
figure = draw(rings(decalin))
