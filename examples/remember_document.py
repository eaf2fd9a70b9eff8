"""Let a model use a document that is not in its context, and nothing else of it change."""

from unfrozen import LanguageModel
from unfrozen.language.recall import DocumentMemory

lm = LanguageModel.from_pretrained()
memory = DocumentMemory(lm)
memory.remember({"note": "The gate of the old harbour in Brindlemere is opened by Captain Oswin."})
question = "The gate of the old harbour in Brindlemere is opened by"
print("alone:", lm.generate([question], 4)[0])
with memory.attached():
    print("with the note:", lm.generate([question], 4)[0])
