"""The state of a model as the fold of changes over its base, exact to the bit."""

import difflib
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from unfrozen.errors import WorkspaceError
from unfrozen.language.model import LanguageModel
from unfrozen.workspace.change import Change


class Fold:
    """Sets a model to its base plus any list of changes, and back, without rounding residue.

    Subtracting a change is exact only to rounding.  So the base's own values of the parameters
    that changes touch are kept (saved at the first touch), and every state is computed from them:
    the same changes give the same bits whatever was set before, and no changes give the base.
    While a fold is in use the model's weights belong to it: what others write into a touched
    parameter is lost at the next `set`.

    Args:
        model: the base model, as it was loaded.  `Fold.of` gives the one fold of a model that may
            have been folded already.
    """

    def __init__(self, model: nn.Module) -> None:
        # Weak, so that the table of folds by model keeps no model alive.
        self._model = weakref.ref(model)
        self._pristine: dict[str, Tensor] = {}
        self._changes: tuple[Change, ...] = ()
        self._hashes: dict[Callable[[nn.Module], str], str] = {}

    @staticmethod
    def of(model: nn.Module) -> "Fold":
        """The fold of this model: always the same one, so that the base is never forgotten."""
        if model not in _FOLDS:
            _FOLDS[model] = Fold(model)
        return _FOLDS[model]

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes that are in the model now, in the order in which they were added."""
        return self._changes

    @property
    def model(self) -> nn.Module:
        """The model that is set."""
        model = self._model()
        if model is None:
            raise WorkspaceError("the model of this fold no longer exists: keep a reference to it")
        return model

    def base_hash(self, hash_weights: Callable[[nn.Module], str]) -> str:
        """The hash of the weights without any change; computed once.

        Args:
            hash_weights: the function that hashes a model's weights.
        """
        if hash_weights not in self._hashes:
            changes = self._changes
            self.set([])
            try:
                self._hashes[hash_weights] = hash_weights(self.model)
            finally:
                self.set(changes)
        return self._hashes[hash_weights]

    @torch.no_grad()
    def lend(self, names: Iterable[str]) -> None:
        """Let others write into parameters until the next `set`, which takes that back.

        Args:
            names: of parameters.  A copy of each is kept, as of those that changes touch.
        """
        parameters = dict(self.model.named_parameters())
        for name in names:
            if name not in self._pristine:
                self._pristine[name] = parameters[name].detach().clone()

    @torch.no_grad()
    def set(self, changes: Iterable[Change]) -> None:
        """Set the model to its base plus these changes, added in this order.

        Sums are computed in float32 (or wider, if the parameter is) and rounded once to the
        parameter's type.

        Raises:
            WorkspaceError: a change names a parameter that the model does not have, or of another
                shape; the model is left as it was.
        """
        changes = tuple(changes)
        parameters = dict(self.model.named_parameters())
        plan = self._plan(changes, parameters)
        for name in plan:
            if name not in self._pristine:
                self._pristine[name] = parameters[name].detach().clone()
        for name in list(self._pristine):
            parameter = parameters[name]
            if name not in plan:
                parameter.copy_(self._pristine.pop(name))
                continue
            wide = torch.promote_types(parameter.dtype, torch.float32)
            weight = self._pristine[name].to(parameter.device, wide, copy=True)
            for change, alias in plan[name]:
                change.add_(alias, weight)
            parameter.copy_(weight)
        self._changes = changes

    def _plan(
        self, changes: tuple[Change, ...], parameters: dict[str, nn.Parameter]
    ) -> dict[str, list[tuple[Change, str]]]:
        """What to add to which parameter; a tied parameter counts once, under its first name."""
        first = {id(parameter): name for name, parameter in parameters.items()}
        aliases = dict(self.model.named_parameters(remove_duplicate=False))
        plan: dict[str, list[tuple[Change, str]]] = {}
        for change in changes:
            for alias, shape in change.shapes().items():
                parameter = aliases.get(alias)
                if parameter is None:
                    close = difflib.get_close_matches(alias, aliases, n=1)
                    hint = f" (did you mean {close[0]}?)" if close else ""
                    raise WorkspaceError(
                        f"change {change.name!r} is for parameter {alias}, "
                        f"which this model does not have{hint}: load the model it was made for"
                    )
                if tuple(parameter.shape) != shape or not parameter.is_floating_point():
                    raise WorkspaceError(
                        f"change {change.name!r} is for a floating-point parameter {alias} of "
                        f"shape {list(shape)}, this model's is {parameter.dtype} of shape "
                        f"{list(parameter.shape)}: load the model it was made for"
                    )
                plan.setdefault(first[id(parameter)], []).append((change, alias))
        return plan


_FOLDS: "weakref.WeakKeyDictionary[nn.Module, Fold]" = weakref.WeakKeyDictionary()


@contextmanager
def base_state(lm: LanguageModel) -> Iterator[None]:
    """The model without any change, for the length of a block."""
    fold = Fold.of(lm.model)
    changes = fold.changes
    fold.set([])
    try:
        yield
    finally:
        fold.set(changes)
