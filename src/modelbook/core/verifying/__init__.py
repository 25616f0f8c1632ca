"""Whether what stands in the registry is what it claims to be, and whether a change of it may land."""
