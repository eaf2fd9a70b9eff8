"""What the cells of a model or a recording are: maps, scores, controls and remapping.

Every function takes plain tensors: activity and places of a walk, or maps made elsewhere.
"""
