"""The edited copies in the sample shop."""
