"""What `benchmarks/run` measures, a file a subject."""
