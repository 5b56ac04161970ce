"""Everything at once on the real programs, for as long as one likes: see tools/soak and docs/reliability.md."""
