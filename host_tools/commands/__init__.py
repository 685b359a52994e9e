"""One file per command of `rram`; each holds a click command named `command` and imports heavy things inside it."""
