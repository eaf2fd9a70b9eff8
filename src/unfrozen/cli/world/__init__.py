"""Commands of world models: train them without reward, and plan with them."""
