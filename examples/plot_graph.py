"""What does a model know?
========================

Each edge is the likeliest object of a question, as wide as it is probable to be right; dashed ones
are about subjects that the model does not seem to have read of.
"""

from unfrozen import LanguageModel
from unfrozen.data.sets import relation
from unfrozen.language.graph import question_about, questions_of, read_graph
from unfrozen.language.graph.plots import picture

lm = LanguageModel.from_pretrained()
questions = questions_of([relation("country_capital")], most=50)
questions.append(question_about("Florbistan", "country_capital", questions))
read = read_graph(lm, questions)
odd = read.graph.answers[-1]
print(f"{odd.question.prompt} {odd.object}: {odd.confidence:.2f}, extrapolated {odd.extrapolated}")
figure = picture(read.graph, most=30)
