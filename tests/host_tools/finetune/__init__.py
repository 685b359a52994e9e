"""Tests of host_tools.finetune."""
