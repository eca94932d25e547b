"""The verdict on two pictures: their evidence, the models that judge it, and what decoys say of the judgement."""
