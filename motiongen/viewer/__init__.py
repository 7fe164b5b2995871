"""Pictures, animations and self-contained pages of motion."""
