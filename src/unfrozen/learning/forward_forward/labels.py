"""Samples that are real and false: labels written into the input, and images that are none."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from unfrozen.errors import LearningError


def embed(
    samples: Float[Tensor, "batch ..."], labels: Float[Tensor, "batch label"]
) -> Float[Tensor, "batch ..."]:
    """Samples with their first features replaced by a label.

    Args:
        samples: images, or rows of features; their borders should carry nothing.
        labels: a number a class; see `one_hot` and `neutral`.

    Raises:
        LearningError: there are more labels than features.

    Source: Hinton 2022, section 3.3.
    """
    flat = samples.flatten(1)
    n = labels.shape[1]
    if n > flat.shape[1]:
        raise LearningError(f"{n} labels do not fit into {flat.shape[1]} features")
    return torch.cat([labels, flat[:, n:]], 1).view_as(samples)


def one_hot(
    classes: Int64[Tensor, " batch"], number: int, like: Tensor
) -> Float[Tensor, "batch label"]:
    """Labels of classes, in the type and on the device of what they are written into."""
    return F.one_hot(classes, number).to(like)


def neutral(batch: int, number: int, like: Tensor) -> Float[Tensor, "batch label"]:
    """Labels that tell nothing: every class as much as any other."""
    return like.new_full((batch, number), 1 / number)


def wrong(
    classes: Int64[Tensor, " batch"], number: int, generator: torch.Generator
) -> Int64[Tensor, " batch"]:
    """Another class for each, all others as likely.

    Raises:
        LearningError: there is no other.
    """
    if number < 2:
        raise LearningError("of one class alone no label is wrong")
    away = torch.randint(1, number, classes.shape, generator=generator, device=generator.device).to(
        classes.device
    )
    return (classes + away) % number


def hard(
    classes: Int64[Tensor, " batch"],
    logits: Float[Tensor, "batch label"],
    generator: torch.Generator,
) -> Int64[Tensor, " batch"]:
    """Another class for each, as likely as a classifier takes it for the right one.

    Args:
        classes: the right ones.
        logits: what the classifier says of each.
        generator: to draw with.

    Source: the program that accompanies Hinton 2022, section 3.3.
    """
    # Some chance is left to all, or a sure classifier would leave nothing to draw from.
    odds = logits.softmax(1).clamp_min(1e-6)
    odds = odds.scatter(1, classes[:, None], 0.0)
    return torch.multinomial(odds.to(generator.device), 1, generator=generator)[:, 0].to(classes)


def hybrids(
    images: Float[Tensor, "batch ... height width"], generator: torch.Generator, blurs: int = 6
) -> Float[Tensor, "batch ... height width"]:
    """Images that are right nearby and wrong as a whole: two of them joined along a blotchy mask.

    Args:
        images: real ones; each is joined with the one that the batch, rolled by one, has there.
        generator: for the masks.
        blurs: how often a mask of random bits is blurred with [1/4, 1/2, 1/4] both ways.

    Raises:
        LearningError: there is only one image, or these are no images.

    Source: Hinton 2022, section 3.2.
    """
    if len(images) < 2 or images.ndim < 3:
        raise LearningError(
            f"hybrids are joined of two images or more, with height and width, not of "
            f"{list(images.shape)}"
        )
    size = (len(images), 1, *images.shape[-2:])
    bits = torch.randint(0, 2, size, generator=generator, device=generator.device)
    mask = bits.to(images)
    kernel = images.new_tensor([0.25, 0.5, 0.25])
    kernel = (kernel[:, None] * kernel)[None, None]
    for _ in range(blurs):
        mask = F.conv2d(F.pad(mask, (1, 1, 1, 1), mode="replicate"), kernel)
    mask = mask.view(len(images), *[1] * (images.ndim - 3), *images.shape[-2:])
    chosen = (mask > 0.5).to(images)
    return chosen * images + (1 - chosen) * images.roll(1, 0)
