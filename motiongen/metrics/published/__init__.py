"""Definitions as published, for comparison with a paper's table; never the default.

Each differs from ours, and its docstring says how. A value from here is printed with its name.
"""
