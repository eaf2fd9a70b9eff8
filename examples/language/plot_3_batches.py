r"""Many facts in one matrix
========================

What editing does to a layer is linear algebra, and needs no language model to be seen. A matrix
:math:`W` answers old keys, which are to stay, and is to answer new ones, batch after batch. Four
ways to write the keys :math:`K` with residuals :math:`R = V - WK`:

- exactly, one after the other, as ROME would (Meng et al. 2022, equation 2);
- by regularised least squares, as MEMIT does (Meng et al. 2023, equation 14):

  .. math:: \Delta = R K^\top (\lambda C + K K^\top)^{-1};

- the same, with the keys :math:`K_p` of earlier batches among the old ones, as ENCORE does (Gupta
  et al. 2025);
- in the directions :math:`P` that old keys hardly use, and sparing :math:`K_p`, as AlphaEdit does
  (Fang et al. 2025):

  .. math:: \Delta = R K^\top P\,(K_p K_p^\top P + K K^\top P + s I)^{-1}.
"""

import matplotlib.pyplot as plt
import torch

from unfrozen.memory import (
    SecondMoment,
    constrained_write,
    null_space_projector,
    null_space_write,
    regularised_write,
)

d, batches, each = 128, 12, 10
generator = torch.Generator().manual_seed(0)
# Keys of a model lie along few directions: their spectrum falls off fast.
spectrum = 0.96 ** torch.arange(d)


def draw(n: int) -> torch.Tensor:
    """Keys, one a row, with the spectrum of the old ones and some of their own."""
    return torch.randn(n, d, generator=generator) * (spectrum + 0.2)


weight = torch.randn(d, d, generator=generator) / d**0.5
old = torch.randn(4000, d, generator=generator) * spectrum
moment = SecondMoment((old.T @ old / len(old)).double(), len(old))
free = null_space_projector(moment, energy=0.99)
print(f"{free.basis.shape[1]} of {d} directions carry {free.leaked:.0%} of the old keys' energy")

# %%
# Every method gets the same batches. After each we ask how far old answers have moved, and how many
# of all facts written so far are still answered: nearer to their own value than to any other.

facts = [(draw(each), 0.3 * torch.randn(each, d, generator=generator)) for _ in range(batches)]


def run(method: str) -> tuple[list[float], list[float]]:
    """Drift of old answers and share of facts still answered, after each batch."""
    w, drift, kept = weight.clone(), [], []
    for number, (keys, values) in enumerate(facts):
        if method == "one by one":
            for key, value in zip(keys, values, strict=True):
                w = w + constrained_write(w, key, value).dense()
        earlier = torch.cat([k for k, _ in facts[:number]]) if number else None
        if method == "least squares":
            w = w + regularised_write(w, keys, values, moment, 2000.0).dense()
        elif method == "earlier keys too":
            w = w + regularised_write(w, keys, values, moment, 2000.0, earlier).dense()
        elif method == "null space":
            w = w + null_space_write(w, keys, values, free, 0.05, earlier).dense()
        drift.append(float((old @ (w - weight).T).norm() / (old @ weight.T).norm()))
        every = torch.cat([v for _, v in facts[: number + 1]])
        asked = torch.cat([k for k, _ in facts[: number + 1]])
        nearest = torch.cdist(asked @ w.T, every).argmin(1)
        kept.append(float((nearest == torch.arange(len(every))).double().mean()))
    return drift, kept


found = {
    name: run(name) for name in ("one by one", "least squares", "earlier keys too", "null space")
}
for name, (drift, kept) in found.items():
    print(f"{name}: old answers moved by {drift[-1]:.2f}, {kept[-1]:.0%} of the facts are there")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
written = [each * (i + 1) for i in range(batches)]
for (name, (drift, kept)), marker in zip(found.items(), "os^D", strict=True):
    left.plot(written, drift, marker=marker, label=name)
    right.plot(written, kept, marker=marker)
left.set(xlabel="facts written", ylabel="change of old answers (relative)")
right.set(xlabel="facts written", ylabel="share still answered", ylim=(0, 1.05))
left.legend()

# %%
# **What to look at.** Exact writes one by one wreck the old answers: this is how models collapse
# under ROME in sequence (Gupta et al. 2024). Least squares leaves the old answers alone, but writes
# where few keys look, and there later batches overwrite earlier ones. Once earlier keys count as
# well, both are kept. On a language model, 1,000 facts at once came to S =
# :claim:`memit.score-1000`, and in batches of 100, by the best of the sequential methods, to
# :claim:`editing.sequential-score`.
