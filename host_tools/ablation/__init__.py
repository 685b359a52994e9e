"""What masks, kinds of correction and calibration are worth, on the same chips: `rram ablate`."""
