"""The prepared data set: store, splits, the embedded synthetic default, batches."""
