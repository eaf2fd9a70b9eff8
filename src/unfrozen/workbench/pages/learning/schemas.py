"""What the page *Learning* asks, and what it is told, as typed JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, le=2**31)]


class Asked(BaseModel):
    """A request; fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class MezoIn(Asked):
    """A network that learns digits by forward passes alone.

    Attributes:
        hidden: units of its hidden layer; 0 for none.
        rate: step size.
        eps: how far from the weights the loss is asked.
        noise: along which it is asked.
        samples: of the gradient, a step.
        batch: images a step.
        steps: at most.
        seed: of weights, batches and noise.
    """

    hidden: Annotated[int, Field(ge=0, le=512)] = 32
    rate: Annotated[float, Field(gt=0, le=10)] = 0.01
    eps: Annotated[float, Field(gt=0, le=1)] = 0.001
    noise: Literal["gaussian", "rademacher", "sphere", "low-rank"] = "rademacher"
    samples: Annotated[int, Field(ge=1, le=16)] = 1
    batch: Annotated[int, Field(ge=8, le=1024)] = 128
    steps: Annotated[int, Field(ge=20, le=50_000)] = 3000
    seed: Seed = 0


class ForwardIn(Asked):
    """A network whose layers learn by their own goodness.

    Attributes:
        layers: how many.
        width: units of each.
        loss: of every layer.
        negatives: how wrong labels are drawn.
        rate: of Adam.
        epochs: at most.
        seed: of weights, the order of images and wrong labels.
    """

    layers: Annotated[int, Field(ge=1, le=5)] = 2
    width: Annotated[int, Field(ge=8, le=1000)] = 100
    loss: Literal["symmetric", "threshold"] = "symmetric"
    negatives: Literal["hard", "wrong"] = "hard"
    rate: Annotated[float, Field(gt=0, le=1)] = 0.001
    epochs: Annotated[int, Field(ge=2, le=500)] = 30
    seed: Seed = 0


class MezoPoint(BaseModel):
    """Where a run is: steps so far, the mean loss of the last ones, accuracy, bytes of its record.

    Attributes:
        step: how many were made.
        loss: mean of those since the last point.
        accuracy: on images kept apart.
        bytes: of the record, from which the weights follow.
    """

    step: int
    loss: float
    accuracy: float
    bytes: int


class ForwardPoint(BaseModel):
    """Where a run is.

    Attributes:
        epoch: how many were made.
        losses: of each layer.
        real: goodness of a mean unit of each layer, of images with their own label.
        false: of the same images with another label.
        by_goodness: accuracy on images kept apart, all labels tried.
        by_classifier: in one pass.
    """

    epoch: int
    losses: list[float]
    real: list[float]
    false: list[float]
    by_goodness: float
    by_classifier: float


class MezoOut(BaseModel):
    """A run of MeZO.

    Attributes:
        number: by which it is gone on with.
        total: steps at most.
        parameters: of the network.
        weights: bytes of them.
        points: so far.
        replayed: whether the record gives the same weights, to the bit; None before the end.
    """

    number: int
    total: int
    parameters: int
    weights: int
    points: list[MezoPoint]
    replayed: bool | None = None


class ForwardOut(BaseModel):
    """A run of Forward-Forward: its number, epochs at most, parameters, and points so far."""

    number: int
    total: int
    parameters: int
    points: list[ForwardPoint]


class TrainingOut(BaseModel):
    """A run that is remembered: its number, kind, how far it is, and of how much."""

    number: int
    kind: str
    done: int
    total: int
