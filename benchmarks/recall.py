"""What does a memory beside a model cost a token, against the model alone?"""

from unfrozen.data.sets import relation, relations
from unfrozen.language.facts import distinct_counterfactuals, relation_facts
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall import FactMemory
from unfrozen.papers.recall.items import added_time
from unfrozen.papers.running.growth import measured

QUESTION = "time a token beside facts that are remembered, in units of the model's alone"
SIZES = (100, 1000)


def run() -> dict[str, float]:
    """Remember more and more facts, and read and write text about none of them."""
    lm = LanguageModel.from_pretrained()
    named = [*relations(towns=True), relation("small_town_country")]
    source = [fact for one in named for fact in relation_facts(one)]
    facts = distinct_counterfactuals(source, SIZES[-1], 0).facts
    memory = FactMemory(lm)
    found: dict[str, float] = {}
    for size in SIZES:
        new = facts[len(memory) : size]
        _, seconds, grown = measured(lambda new=new: memory.remember(new))
        found[f"{size} facts, seconds a fact remembered"] = seconds / len(new)
        found[f"{size} facts, MB grown at the peak"] = grown / 1e6
        found[f"{size} facts, kB a fact"] = memory.bytes / len(memory) / 1e3
        times = added_time(lm, memory, facts, 0)
        found |= {f"{size} facts, {what}, times": ratio for what, ratio in times.items()}
    return found
