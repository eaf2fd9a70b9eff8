"""A map of a world, and a way that was never walked
=================================================

Tolman (1948) saw rats take short cuts that they had never run, and spoke of a cognitive map.
`CognitiveMap` stands on a TEM-transformer that knows what steps do, and keeps what was seen where.
It takes one step at a time.
"""

import torch

from unfrozen.hippocampus.cognitive_map import CognitiveMap
from unfrozen.hippocampus.plots import Step, walked
from unfrozen.hippocampus.tem_t import trained
from unfrozen.hippocampus.worlds import batch, draw_symbols, named, walk

places = CognitiveMap(trained("grid"))
_ = places.begin(7)
for action, symbol in ((0, 8), (1, 9), (2, 5)):  # east, north, west
    where = places.observe(action, symbol)
print("south of here it expects symbol", int(places.foresee(3).argmax()))  # never gone south
print("the way to symbol 8:", places.route(8).actions, "walked before:", places.route(8).walked)

# %%
# A longer walk in a square that nobody has seen. Before each step the map says what it will see.

generator = torch.Generator().manual_seed(3)
grid = named("grid")
world = grid.draw(generator)
symbols = draw_symbols(batch([world]), places.model.settings.n_symbols, generator)
path = walk(batch([world]), symbols, 80, generator, grid.walk)
rows = list(zip(*(part[0].tolist() for part in path), strict=True))
where = places.begin(rows[0][2])
steps = [Step(rows[0][0], rows[0][2], -1, 0.0, where.known)]
for place, action, symbol in rows[1:]:
    chances = places.foresee(action)
    likeliest = int(chances.argmax())
    where = places.observe(action, symbol)
    steps.append(Step(place, symbol, likeliest, float(chances[likeliest]), where.known))
again = [step for step in steps if step.known]
print(f"{sum(s.foreseen == s.symbol for s in again)} of {len(again)} known places were foreseen")
figure = walked(world, steps, "Eighty steps in a new world")

# %%
# **What to look at.** Surprises come where a place is new. The other way round, a surprise at a
# known place would tell the map that it has lost its way, or that the world has changed. In the
# full run :claim:`map.routes` of the ways led where they should, most of them through steps never
# taken, and a world was known again within five steps in :claim:`map.recognised` of the returns.
