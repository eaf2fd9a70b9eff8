"""Parts of an agent where the world is continuous: plans in latents, a policy of them, locks."""

from unfrozen.agent.latent.distilling import Distilled, DistillSettings, LatentPolicy, distill
from unfrozen.agent.latent.locks import Locks, LockSettings, Surprise
from unfrozen.agent.latent.thinking import Looked, Thinker, ThinkerSettings, look

__all__ = [
    "DistillSettings",
    "Distilled",
    "LatentPolicy",
    "LockSettings",
    "Locks",
    "Looked",
    "Surprise",
    "Thinker",
    "ThinkerSettings",
    "distill",
    "look",
]
