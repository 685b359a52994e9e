"""The workstation's side: data, training, mapping, export, studies, flashing. Heavy imports stay inside functions."""
