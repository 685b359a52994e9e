"""The workstation's side: data, training, mapping, export, studies, flashing. Heavy imports happen where they are used."""
