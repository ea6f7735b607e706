"""The evidence that a run leaves behind: results file, audit rows, lineage, summary; and the status."""
