"""Training on the workstation: the ideal network, and students that know the cells."""
