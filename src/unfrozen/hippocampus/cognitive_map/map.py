"""A cognitive map: it takes steps one at a time, foresees, knows where it is, and finds ways.

The model that it stands on knows the structure that worlds share.  What was seen where, it keeps
itself, for as many worlds as it meets.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unfrozen.errors import MapError
from unfrozen.hippocampus.cognitive_map import belief
from unfrozen.hippocampus.cognitive_map.places import Kept, Places
from unfrozen.hippocampus.cognitive_map.routes import Route, imagined, shortest
from unfrozen.hippocampus.cognitive_map.settings import CHANGES, FORESEES, STANDARD, MapSettings
from unfrozen.hippocampus.tem_t.model import TemT


class Where(NamedTuple):
    """Where the map believes to be.

    Attributes:
        map: the world's number; a new world has its own from the start.
        place: the place's number, as none other has in any world.
        probability: of being in that world.
        decided: whether the map has made up its mind which world it is in.
        known: whether the place was seen before.
        surprise: of what was seen, in nats.
    """

    map: int
    place: int
    probability: float
    decided: bool
    known: bool
    surprise: float


class _Step(NamedTuple):
    """An action and what was seen then; nothing if it could not be taken."""

    action: int
    symbol: int | None


class CognitiveMap:
    """Maps of worlds, made while walking.

    With `plastic` switched off it follows the walk and writes nothing: a place that it does not
    know has no number (-1).

    Args:
        model: a trained TEM-transformer, which knows what actions do.
        settings: how places and worlds are told apart.

    Raises:
        MapError: the model has learnt landmarks: its codes are not moved by actions alone, and a
            map has landmarks of its own.

    Example:
        >>> from unfrozen.hippocampus.tem_t import trained
        >>> places = CognitiveMap(trained("grid"))
        >>> _ = places.begin(7)
        >>> for action, symbol in ((0, 8), (1, 9), (2, 5)):   # east, north, west
        ...     where = places.observe(action, symbol)
        >>> places.foresee(3).argmax().item()                 # south, where it has not gone before
        7
        >>> places.route(8).walked                            # east, then south
        (False, False)
    """

    def __init__(self, model: TemT, settings: MapSettings = STANDARD) -> None:
        if model.settings.landmarks:
            raise MapError(
                "a cognitive map has landmarks of its own: train a model without them (tem-t)"
            )
        self.model, self.settings = model.eval(), settings
        parameter = next(model.parameters())
        self.places = Places(model.settings.width, parameter.device, parameter.dtype)
        apart = model.spacing()
        given = settings.threshold
        self.threshold: float = apart + FORESEES * (1 - apart) if given is None else given
        self._draws = min(apart + settings.draws * (1 - apart), self.threshold)
        self._changes = max(apart + CHANGES * (1 - apart), self.threshold)
        self.plastic = True
        self.n_maps = 0
        self._hypotheses: belief.Hypotheses | None = None
        self._walked: list[_Step] = []
        self._where: Where | None = None
        self._code: Tensor = model.positions.start(1)[0].detach()
        self._surprises = 0
        # What was seen since the first surprise, and the memory before it.
        self._since: list[_Step] = []
        self._before: Kept | None = None

    @property
    def code(self) -> Float[Tensor, " d"]:
        """The position code of where it is."""
        return self._code

    @property
    def where(self) -> Where:
        """Where it is.

        Raises:
            MapError: no walk was begun.
        """
        if self._where is None:
            raise MapError("the map is nowhere yet: begin(symbol) starts a walk")
        return self._where

    @torch.no_grad()
    def begin(self, symbol: int) -> Where:
        """A walk begins somewhere, in a world that is new or known.

        Args:
            symbol: what is seen.

        Raises:
            MapError: there is no such symbol.
        """
        self._check(0, symbol)
        if not self.plastic:
            raise MapError("a map that writes nothing cannot begin a walk: it may be a new world")
        if self._hypotheses is not None:
            self._decide(sure=0.0)
        known = self.places.maps.unique()
        known = known[known >= 0]
        self._hypotheses = belief.begin(self.places, symbol, self.model.settings.n_symbols, known)
        self._walked = [_Step(-1, symbol)]
        self._surprises, self._since, self._before = 0, [], None
        new = self.n_maps
        self._code = self.model.positions.start(1)[0]
        place = self._write(self._code, symbol, new)
        self._where = Where(new, place, 0.0, False, False, _guess(self.model))
        return self._decide()

    @torch.no_grad()
    def observe(self, action: int, symbol: int) -> Where:
        """A step was taken and something is seen.

        Args:
            action: what was done.
            symbol: what is seen now.

        Raises:
            MapError: no walk was begun, or there is no such action or symbol.
        """
        before = self.where
        self._check(action, symbol)
        if self._hypotheses is not None:
            self._walked.append(_Step(action, symbol))
        code, foreseen, near = self._moved(self._code, action, before.map, before.place)
        found = self._seen(code, foreseen, symbol, before.map)
        expected = found >= 0 and int(self.places.symbols[found]) == symbol
        surprise = -float(self._chances(code, before.map, near)[symbol].log())
        if self._is_lost(_Step(action, symbol), foreseen >= 0 and not expected, expected):
            return self._begin_again()
        known = found >= 0
        if known:
            place, self._code = found, self.places.codes[found]
            if not expected and self.plastic:
                self.places.see(place, symbol)
        else:
            place, self._code = self._write(code, symbol, before.map), code
        if self.plastic and before.place >= 0:
            self.places.walk(before.place, action, place)
        self._where = Where(before.map, place, before.probability, before.decided, known, surprise)
        if self._hypotheses is None:
            return self._where
        guess = 1 / self.model.settings.n_symbols
        likelihood = (
            guess if not known else (1 - belief.WRONG if expected else belief.WRONG * guess)
        )
        belief.weigh(
            self.model, self.places, self._hypotheses, action, symbol, self.threshold, likelihood
        )
        return self._decide()

    @property
    def settled(self) -> bool:
        """Whether it has no doubt where it is, so that nothing written will be dropped."""
        return self._hypotheses is None and self._before is None and not self._surprises

    @torch.no_grad()
    def settle(self) -> Where:
        """Believe to be where it most likely is: a walk can be gone on with from there.

        What was written stays written, though it may turn out later that it was lost.

        Raises:
            MapError: no walk was begun.
        """
        if self._hypotheses is not None:
            self._decide(sure=0.0)
        self._surprises, self._since, self._before = 0, [], None
        self.n_maps = 1 + max([self.where.map, *self.places.maps.tolist()])
        return self.where

    def resume(self, place: int) -> Where:
        """A walk goes on from a place that is known, as where another walk had ended.

        Raises:
            MapError: there is no such place.
        """
        if not (0 <= place < self.places.n) or int(self.places.maps[place]) < 0:
            raise MapError(f"there is no place {place} to go on from")
        return self._resume(self.places.codes[place], int(self.places.maps[place]), place)

    def resume_beside(self, code: Float[Tensor, " d"], which: int) -> Where:
        """A walk goes on at a code of a map, beside all places that are known."""
        return self._resume(code, which, -1)

    def _resume(self, code: Tensor, which: int, place: int) -> Where:
        self._hypotheses, self._surprises = None, 0
        self._since, self._before, self._walked = [], None, []
        self.n_maps = max(self.n_maps, which + 1, *(self.places.maps + 1).tolist())
        self._code, self._where = code, Where(which, place, 1.0, True, place >= 0, 0.0)
        return self._where

    def refuse(self, action: int) -> None:
        """An action could not be taken here: ways will not lead through it.

        Raises:
            MapError: no walk was begun, or there is no such action.
        """
        self._check(action, 0)
        if not self.plastic:
            return
        self.places.block(self.where.place, action)
        if self._hypotheses is not None:
            self._walked.append(_Step(action, None))
        if self._before is not None:
            self._since.append(_Step(action, None))

    @torch.no_grad()
    def foresee(self, action: int) -> Float[Tensor, " symbol"]:
        """Probabilities of what would be seen after an action.

        Raises:
            MapError: no walk was begun, or there is no such action.
        """
        where = self.where
        self._check(action, 0)
        code, _, near = self._moved(self._code, action, where.map, where.place)
        return self._chances(code, where.map, near)

    @torch.no_grad()
    def route(self, symbol: int) -> Route:
        """The shortest way to the nearest place of this world where a symbol was seen.

        It may lead through steps that were never taken.

        Raises:
            MapError: no walk was begun, the symbol was not seen in this world, or no way is known.
        """
        self._check(0, symbol)
        where = self.where
        of, table = imagined(self.model, self.places, where.map, self.threshold)
        goals = {int(p) for p in of.tolist() if int(self.places.symbols[p]) == symbol}
        if not goals:
            raise MapError(f"symbol {symbol} was not seen in this world")
        found = shortest(of, table, where.place, goals, self.places.edges)
        if found is None:
            raise MapError(f"no way is known from here to symbol {symbol}: walk on")
        return found

    def _is_lost(self, step: _Step, surprised: bool, expected: bool) -> bool:
        """Whether what was foreseen wrongly is enough to be somewhere else altogether."""
        if expected or not self.where.decided or not self.plastic:
            self._surprises, self._since, self._before = 0, [], None
            return False
        if surprised and self._before is None:
            self._before = self.places.keep()
        if self._before is not None:
            self._since.append(step)
        self._surprises += surprised
        return self._surprises >= self.settings.lost

    def _begin_again(self) -> Where:
        """It has been elsewhere since the first surprise: the map is as it was before that."""
        steps = self._since
        assert self._before is not None
        assert steps[0].symbol is not None
        self.places.restore(self._before)
        where = self.begin(steps[0].symbol)
        for action, symbol in steps[1:]:
            if symbol is None:
                self.refuse(action)
            else:
                where = self.observe(action, symbol)
        return where

    def _decide(self, sure: float | None = None) -> Where:
        """Settle which world this is, once it is clear."""
        hypotheses, where = self._hypotheses, self.where
        assert hypotheses is not None
        which, chance = hypotheses.best
        decided = chance >= (self.settings.sure if sure is None else sure)
        if which < 0:
            self._where = where._replace(probability=chance, decided=decided)
        else:
            self._where = where._replace(probability=hypotheses.chance)
        if not decided:
            return self.where
        self._hypotheses = None
        if which < 0:
            self.n_maps = max(self.n_maps, where.map + 1)
            return self.where
        return self._return_to(hypotheses, which, chance, where)

    def _return_to(
        self, hypotheses: belief.Hypotheses, which: int, chance: float, where: Where
    ) -> Where:
        """The world is an old one: what was seen since the walk began belongs to its map."""
        self.places.drop(where.map)
        mine = torch.nonzero(hypotheses.maps == which)[:, 0]
        likeliest = mine[hypotheses.weights[mine].argmax()]
        place = int(hypotheses.began[likeliest])
        self._code, known, surprise = self.places.codes[place], True, where.surprise
        for action, symbol in self._walked[1:]:
            if symbol is None:
                self.places.block(place, action)
                continue
            code, found, _ = self._moved(self._code, action, which, place)
            found = self._seen(code, found, symbol, which)
            known = found >= 0
            to = found if known else self._write(code, symbol, which)
            self.places.see(to, symbol)
            self.places.walk(place, action, to)
            place, self._code = to, self.places.codes[to]
        self._where = Where(which, place, chance, True, known, surprise)
        return self._where

    def _moved(
        self, code: Tensor, action: int, which: int, place: int
    ) -> tuple[Tensor, int, float]:
        """The code after an action, the place of a map that it is, -1 if none, and how near."""
        taken = torch.tensor([action], device=code.device)
        code = self.model.positions.step(code[None], taken)
        number = torch.tensor([which], device=code.device)
        found = self.places.nearest(self.model.key(code), number)
        cosine = float(found.cosines)
        walked = self.places.edges.get((place, action), -1)
        if walked >= 0:
            return self.places.codes[walked], walked, 1.0
        near = int(found.places) if cosine > self.threshold else -1
        return code[0], near, cosine

    def _seen(self, code: Tensor, found: int, symbol: int, which: int) -> int:
        """The place that it is, now that something is seen: a landmark draws from further away."""
        if found >= 0 and int(self.places.symbols[found]) == symbol:
            return found
        of = self.places.of(which)
        of = of[self.places.symbols[of] == symbol]
        if len(of):
            cosines = self.places.keys[of] @ self.model.key(code)
            if float(cosines.max()) > self._draws:
                return int(of[cosines.argmax()])
        if found >= 0 and float(self.places.keys[found] @ self.model.key(code)) < self._changes:
            return -1
        return found

    def _chances(self, code: Tensor, which: int, cosine: float) -> Float[Tensor, " symbol"]:
        """What is seen at a code: what its memory answers, and anything where it has none."""
        n = self.model.settings.n_symbols
        guess = torch.full((n,), 1 / n, device=code.device, dtype=code.dtype)
        of = self.places.of(which)
        if cosine <= self.threshold or not len(of):
            return guess
        allowed = torch.ones(1, 1, len(of), dtype=torch.bool, device=code.device)
        found = self.model.foresee(
            code[None, None], self.places.codes[of][None], self.places.symbols[of][None], allowed
        )
        return torch.lerp(found.logits[0, 0].softmax(-1), guess, belief.WRONG)

    def _write(self, code: Tensor, symbol: int, which: int) -> int:
        if not self.plastic:
            return -1
        return self.places.add(code, self.model.key(code), symbol, which)

    def _check(self, action: int, symbol: int) -> None:
        settings = self.model.settings
        if not 0 <= symbol < settings.n_symbols:
            raise MapError(f"symbols are numbers below {settings.n_symbols}, not {symbol}")
        if not 0 <= action < settings.n_actions:
            raise MapError(f"actions are numbers below {settings.n_actions}, not {action}")


def _guess(model: TemT) -> float:
    return float(torch.tensor(float(model.settings.n_symbols)).log())
