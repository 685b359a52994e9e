"""`rram flash`: put runtime and bundle on a board over ssh, or in a folder (a mounted card) that installs itself there.

On the board: DIR/releases/<id>/ (wheel, bundle, installer, manifest, venv), DIR/current -> the release that passed its
self-test last, DIR/rram-edge (launcher), DIR/state/<bundle>/ (what the board learned; no flash touches it). Nothing is
switched before the new release has passed, so a failure of any kind leaves what ran before.
"""
