"""A store's manifest for people and programs: row by row, as text, and only the rows that a condition holds for."""
