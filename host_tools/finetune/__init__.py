"""Fine-tuning of a chip whose cells are rewritten imprecisely, one cell a weight (docs/finetune.md)."""
