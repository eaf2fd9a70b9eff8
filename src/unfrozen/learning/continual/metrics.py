"""What a learner knew of each task after each: accuracy, forgetting, transfer, plasticity.

Everything is taken from the accuracy matrix R, whose entry R[i, j] is the accuracy on the test part
of task j after tasks 0 to i were learnt, and from the accuracies b before anything was.
"""

from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import LearningError


def average_accuracy(matrix: Float[Tensor, "tasks tasks"]) -> float:
    """ACC = 1/T Σ_j R[T-1, j]: over all tasks, when all were learnt.

    Args:
        matrix: R, shares of 1.

    Raises:
        LearningError: R is not square, or empty.

    Source: Lopez-Paz and Ranzato 2017, equation 2.

    Example:
        >>> import torch
        >>> average_accuracy(torch.tensor([[1.0, 0.0], [0.5, 1.0]]))
        0.75
    """
    return float(_checked(matrix, 1)[-1].mean())


def average_forgetting(matrix: Float[Tensor, "tasks tasks"]) -> float:
    """F = 1/(T-1) Σ_{j<T-1} (max_{l<T-1} R[l, j] - R[T-1, j]): what was once known and no more is.

    Args:
        matrix: R, of two tasks at least.

    Raises:
        LearningError: R is not square, or of fewer tasks.

    Source: Chaudhry et al. 2018, section 3.2, equations for f and F.

    Example:
        >>> import torch
        >>> average_forgetting(torch.tensor([[1.0, 0.0], [0.5, 1.0]]))
        0.5
    """
    matrix = _checked(matrix, 2)
    return float((matrix[:-1, :-1].max(0).values - matrix[-1, :-1]).mean())


def backward_transfer(matrix: Float[Tensor, "tasks tasks"]) -> float:
    """BWT = 1/(T-1) Σ_{j<T-1} (R[T-1, j] - R[j, j]): what later tasks did to earlier ones.

    Args:
        matrix: R, of two tasks at least.

    Raises:
        LearningError: R is not square, or of fewer tasks.

    Source: Lopez-Paz and Ranzato 2017, equation 3.
    """
    matrix = _checked(matrix, 2)
    return float((matrix[-1] - matrix.diagonal())[:-1].mean())


def forward_transfer(
    matrix: Float[Tensor, "tasks tasks"], before: Float[Tensor, " tasks"]
) -> float:
    """FWT = 1/(T-1) Σ_{j>0} (R[j-1, j] - b_j): what earlier tasks did for one not yet learnt.

    Args:
        matrix: R, of two tasks at least.
        before: b, the accuracies of the learner as it was made.

    Raises:
        LearningError: R is not square, of fewer tasks, or b is of other ones.

    Source: Lopez-Paz and Ranzato 2017, equation 4.
    """
    matrix = _checked(matrix, 2)
    if before.shape != matrix.shape[:1]:
        raise LearningError(f"{len(matrix)} tasks have as many accuracies, not {len(before)}")
    return float((matrix.diagonal(1) - before[1:]).mean())


def plasticity_lost(online: Float[Tensor, " tasks"], window: int) -> float:
    """The best mean accuracy of so many tasks in a row, less that of the last ones.

    Accuracy is taken while a task is learnt, on every image before it is learnt from.  Where all
    tasks are equally hard, a learner that stays plastic loses none.

    Args:
        online: the mean accuracy of each task.
        window: of how many tasks means are taken.

    Raises:
        LearningError: there are fewer tasks than a window has.

    Source: the curve is that of Dohare et al. 2024, figure 1; one number for it is ours.
    """
    if not 1 <= window <= len(online):
        raise LearningError(f"a window of {window} tasks does not fit into {len(online)}")
    means = online.unfold(0, window, 1).mean(1)
    return float(means.max() - means[-1])


def _checked(matrix: Tensor, least: int) -> Tensor:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < least:
        raise LearningError(
            f"an accuracy matrix is square and of {least} tasks at least, not {list(matrix.shape)}"
        )
    return matrix
