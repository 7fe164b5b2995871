"""File formats: one file each; reads it and, where that makes sense, writes it."""
