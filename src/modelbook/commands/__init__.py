"""One file a verb: gather, decide (in `modelbook.core`), act, report."""
