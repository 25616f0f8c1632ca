"""The search for parameters: what is trained next, and which trial is the best."""
