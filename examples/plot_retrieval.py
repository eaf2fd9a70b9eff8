"""Five queries among thirty patterns
===================================

Damaged patterns fall down the energy of a modern Hopfield network to where they came from
(Ramsauer et al. 2021).
"""

import torch

from unfrozen.memory import ModernHopfield
from unfrozen.memory.hopfield.plots import falling

generator = torch.Generator().manual_seed(0)
patterns = torch.randn(30, 16, generator=generator)
memory = ModernHopfield(16, beta=0.7)
memory.write(patterns)

queries = 0.4 * patterns[:5] + 0.5 * torch.randn(5, 16, generator=generator)
fall = memory.retrieve(queries, trajectory=True)
print("updates until at rest:", fall.steps.tolist())
print("distance from the pattern:", (fall.states - patterns[:5]).norm(dim=1).tolist())
figure = falling(fall, patterns)
