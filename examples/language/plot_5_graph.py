"""What does a model know?
=======================

A question is a node with an unknown edge: *France, its capital, ?*. The likeliest of the declared
objects is the answer, and half of the subjects teach how sure the model may be (Petroni et al. 2019
asked models so; how sure to be, and whether it comes true, is this project's). An edge is as wide
as it is probable to be right; dashed ones are about subjects that the model does not seem to have
read of.
"""

from unfrozen import LanguageModel
from unfrozen.data.sets import relation
from unfrozen.language.graph import question_about, questions_of, read_graph
from unfrozen.language.graph.plots import picture

lm = LanguageModel.from_pretrained()
questions = questions_of([relation("country_capital")], most=40)
questions.append(question_about("Florbistan", "country_capital", questions))
read = read_graph(lm, questions)
odd = read.graph.answers[-1]
print(f"{odd.question.prompt} {odd.object}: {odd.confidence:.2f}, extrapolated {odd.extrapolated}")
figure = picture(read.graph, most=30)

# %%
# **What to look at.** There is no Florbistan, and the model names a capital all the same. That it
# is made up is told from the state at its name. In the full run, real subjects were told from
# made-up ones with an area under the curve of :claim:`graph.extrapolated`, and confidences were off
# by :claim:`graph.calibration`.
