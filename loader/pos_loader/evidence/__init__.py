"""What a run leaves behind: results, audit rows, lineage, status."""
