"""Each paper's claims, measured here: one module a paper, each with `claims(setting)`."""
