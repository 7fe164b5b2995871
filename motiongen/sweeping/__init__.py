"""Sweeps: many trainings of one file, each sampled and scored, and the leaderboard of them all.

`space` reads the file, `trial` is one training with its score, `study` keeps the account of all
trials with Optuna, `local` runs them in processes and `cluster` with Ray Tune, `leaderboard` and
`comparison` say what was found.
"""
