"""The workflow: how a team operates the stages. Wiring only; what a stage does is in the library."""
