"""Networks on arrays of any pairing (differential, offset, bit-sliced): also what boards do not emulate."""
