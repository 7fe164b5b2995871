"""Commands with many options: one file each. Heavy imports happen inside the functions."""
