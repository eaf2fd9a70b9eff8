"""New targets, paraphrases and neighbours for a fact, out of the other facts of its relation."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from unfrozen.data.sets import Relation
from unfrozen.language.facts.fact import Fact, plain, relation_facts, seeded


def build_counterfactuals(
    source: Sequence[Relation] | Sequence[Fact],
    seed: int,
    neighbours: int = 10,
    paraphrases: int = 2,
) -> list[Fact]:
    """Give each fact a new target, paraphrases and neighbours, out of the facts of its relation.

    The new target is another object of the relation, as often as the relation has it, and one
    whose first word differs where there is one.  Paraphrases put the subject into other
    templates of the relation.  Neighbours ask for subjects with the same object, each subject
    once before any comes twice.  What a fact has already is kept.  A fact gets its share from the
    seed and its own text, so it does not depend on the order of the others.

    Args:
        source: relations, or facts with a true target (others are left out).
        seed: of the draws.
        neighbours: how many at most; a fact keeps what there is.
        paraphrases: how many at most.

    Returns:
        One fact for each that can have a new target, in the order of the source.

    Source: after CounterFact (Meng et al. 2022, ROME, section 3.3 and appendix D).
    """
    facts: list[Fact] = []
    for one in source:
        facts += relation_facts(one) if isinstance(one, Relation) else [one]
    groups: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.target_true is not None:
            groups[fact.relation].append(fact)
    pools = {name: _Pool(group) for name, group in groups.items()}
    built = []
    for fact in facts:
        if fact.target_true is None:
            continue
        pool = pools[fact.relation]
        rng = seeded(seed, fact.relation, fact.subject, fact.prompt, fact.target_true)
        new = fact.target_new or pool.other_target(fact, rng)
        if new is None:
            continue
        rephrased = fact.paraphrases or pool.rephrased(fact)
        near = fact.neighbours or pool.neighbours(fact, rng, neighbours)
        built.append(
            replace(
                fact,
                target_new=new,
                paraphrases=rephrased[:paraphrases],
                neighbours=near[:neighbours],
            )
        )
    return built


class _Pool:
    """What the facts of one relation offer each other."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self.targets: dict[str, set[str]] = defaultdict(set)  # subject -> its objects
        self.of_target: dict[str, dict[str, Fact]] = defaultdict(dict)  # object -> by subject
        self.objects: list[str] = []
        self.places: dict[str, list[int]] = defaultdict(list)  # object -> where it stands
        templates: Counter[str] = Counter()
        rephrasing: Counter[str] = Counter()
        for fact in facts:
            target = fact.target_true or ""
            self.targets[plain(fact.subject)].add(plain(target))
            self.of_target[plain(target)].setdefault(plain(fact.subject), fact)
            self.places[plain(target)].append(len(self.objects))
            self.objects.append(target)
            templates[fact.prompt] += 1
            rephrasing.update(
                text.replace(fact.subject, "{}")
                for text in fact.paraphrases
                if text.count(fact.subject) == 1
            )
        # What only one fact is asked by may fit only its own object, and CounterFact's
        # paraphrases begin with stray text; so a template is what two facts share.
        shared = [template for template, times in templates.most_common() if times > 1]
        shared += [template for template, times in rephrasing.items() if times > 1]
        self.templates = tuple(dict.fromkeys(shared or templates))

    def other_target(self, fact: Fact, rng: random.Random) -> str | None:
        """Another object of the relation, or None when there is none."""
        own = self.targets[plain(fact.subject)]
        text = plain(fact.text)
        first = plain(fact.target_true or "").split()[0]
        out = {key for key in self.places if key in own or key in text}
        alike = {key for key in self.places if key.split()[0] == first}
        return self._drawn(out | alike, rng) or self._drawn(out, rng)

    def _drawn(self, out: set[str], rng: random.Random) -> str | None:
        """An object that is not out, each as likely as it is often; None when there is none."""
        left = len(self.objects) - sum(len(self.places[key]) for key in out)
        if not left:
            return None
        number = rng.choice(range(left))
        # Counted among all objects: thousands of facts share few of them.
        for place in sorted(place for key in out for place in self.places[key]):
            if place > number:
                break
            number += 1
        return self.objects[number]

    def rephrased(self, fact: Fact) -> tuple[str, ...]:
        """The subject in the relation's other templates."""
        return tuple(t.replace("{}", fact.subject) for t in self.templates if t != fact.prompt)

    def neighbours(self, fact: Fact, rng: random.Random, wanted: int) -> tuple[str, ...]:
        """Prompts about other subjects with the same object and no other."""
        if not wanted:
            return ()
        target = plain(fact.target_true or "")
        own = plain(fact.subject)
        # A subject whose name holds the other's would rightly change with it.
        order = [
            other
            for subject, other in self.of_target[target].items()
            if self.targets[subject] == {target} and own not in subject and subject not in own
        ]
        rng.shuffle(order)
        prompts = [other.text for other in order]
        for other in order:
            if len(prompts) >= wanted:
                break
            prompts += self.rephrased(other)
        return tuple(dict.fromkeys(prompts))[:wanted]
