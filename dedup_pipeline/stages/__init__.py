"""The stages, in the order in which a dump walks through them; `chain.py` names them."""
