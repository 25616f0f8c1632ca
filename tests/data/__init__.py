"""Registries of released formats, as they were written then."""
