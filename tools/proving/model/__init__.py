"""Who may put the stream on air, as a model for SPIN: ``authority.pml``, and what is searched in it."""
