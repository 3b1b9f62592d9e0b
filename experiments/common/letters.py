"""The characters of a font that the experiments on fonts adapt to, the same in all, so that their numbers compare."""

LETTERS = "ADGMRaegkt"  # capitals and small letters, round, straight and slanted, with ascenders and descenders
