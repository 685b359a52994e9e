"""Fuzzing of what a runtime reads from files: python -m tests.fuzz.bundle, .state, .kills (docs/robustness.md)."""
