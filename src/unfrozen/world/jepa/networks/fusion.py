"""Early fusion: patches of an image and tokens of a text in one sequence of one transformer.

There is one representation of what is seen and what is told, read from one token that both kinds
reach through attention from the first layer on.  Either may be absent.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from unfrozen.errors import WorldError
from unfrozen.world.jepa.networks.encoders import Shape, norm, perceptron

PAD = 0
"""The token that stands where a text has ended: nothing sees it."""


class Table(nn.Module):
    """Learnt vectors, one for each position.

    Args:
        number: of positions.
        width: of a vector.
    """

    positional = 0.2

    def __init__(self, number: int, width: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.empty(number, width))


class Block(nn.Module):
    """A transformer's block, normalised before attention and before the perceptron.

    Args:
        width: features of a token.
        heads: of attention.

    Source: Vaswani et al. 2017; norms first as in Xiong et al. 2020.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.maps = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.perceptron = perceptron(width, 4 * width, width)

    def forward(
        self, tokens: Float[Tensor, "b n w"], seen: Bool[Tensor, "b 1 1 n"] | None
    ) -> Float[Tensor, "b n w"]:
        """Tokens after attention to those that are seen."""
        together = self.maps(self.first(tokens)).unflatten(-1, (3 * self.heads, -1))
        q, k, v = together.transpose(1, 2).chunk(3, 1)
        read = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        tokens = tokens + self.out(read.transpose(1, 2).flatten(2))
        return tokens + self.perceptron(self.second(tokens))


class FusionEncoder(nn.Module):
    """A small transformer over patches and words at once.

    Args:
        shape: c, h and w of an image.
        width: d, features of a latent and of a token.
        vocabulary: of tokens of text, `PAD` among them.
        longest: text, in tokens.
        patch: side of a patch in pixels; images are filled up with zeros to whole patches.
        blocks: of the transformer.
        heads: of attention.
        last: name of the last norm.

    Raises:
        WorldError: a size does not fit.
    """

    def __init__(
        self, shape: Shape, width: int, vocabulary: int, longest: int, patch: int, blocks: int,
        heads: int, last: str,
    ) -> None:  # fmt: skip
        super().__init__()
        if len(shape) != 3:
            raise WorldError(f"patches are of an image (c, h, w), not of the shape {shape}")
        if min(vocabulary, longest, patch, blocks, heads) < 1 or width % heads:
            raise WorldError(
                "fusion takes a vocabulary, text, patches, blocks and heads, and as many features "
                f"as heads can share, not {width} among {heads}"
            )
        rows, columns = (-(-side // patch) for side in shape[1:])
        self.patch, self.longest = patch, longest
        self.pad = (0, columns * patch - shape[2], 0, rows * patch - shape[1])
        self.pixels = nn.Linear(shape[0] * patch**2, width)
        self.words = nn.Embedding(vocabulary, width)
        self.where, self.when = Table(rows * columns, width), Table(longest, width)
        self.readout = Table(1, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.end = nn.Linear(width, width)
        self.norm = norm(last, width)

    def patches(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n p"]:
        """Pixels of each patch, row by row."""
        filled = F.pad(images, self.pad)
        return F.unfold(filled, self.patch, stride=self.patch).mT

    def forward(
        self,
        images: Float[Tensor, "b c h w"] | None,
        text: Int[Tensor, "b l"] | None = None,
    ) -> Float[Tensor, "b d"]:
        """One latent of what is seen and told.

        Args:
            images: or None, where nothing is seen.
            text: tokens, `PAD` where it has ended, or None, where nothing is told.

        Raises:
            WorldError: there is neither, or the text is too long.
        """
        if images is None and text is None:
            raise WorldError("there is nothing to encode: give images, text, or both")
        number = len(images) if images is not None else len(text)  # pyright: ignore[reportArgumentType]
        parts, seen = [self.readout.rows.expand(number, 1, -1)], None
        if images is not None:
            parts.append(self.pixels(self.patches(images)) + self.where.rows)
        if text is not None:
            length = text.shape[1]
            if length > self.longest:
                raise WorldError(f"a text of {length} tokens is longer than {self.longest}")
            before = sum(part.shape[1] for part in parts)
            parts.append(self.words(text) + self.when.rows[:length])
            seen = F.pad(text != PAD, (before, 0), value=True)[:, None, None]
        tokens = torch.cat(parts, 1)
        for block in self.blocks:
            tokens = block(tokens, seen)
        return self.norm(self.end(tokens[:, 0]))
