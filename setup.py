"""The one thing that pyproject.toml cannot say: the C core is built where a compiler is, and left out where none is."""

import os
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext


class OptionalBuild(build_ext):
    """A missing compiler must not fail the installation: the NumPy engine runs without the core."""

    def build_extension(self, ext):
        """Build one extension, or say why not."""
        try:
            super().build_extension(ext)
        except Exception as error:  # distutils has no single error for "no compiler"
            self.announce(f"rram-edge: the C core is not built ({error}); the slower NumPy engine is used", level=4)

    def copy_extensions_to_source(self):
        """Editable installs: copy what was built."""
        self.extensions = [ext for ext in self.extensions if self._built(ext)]
        super().copy_extensions_to_source()

    def get_outputs(self):
        """Only what is there."""
        return [path for path in super().get_outputs() if self.inplace or path.endswith(".py") or self._exists(path)]

    def _built(self, ext):
        return self._exists(os.path.join(self.build_lib, self.get_ext_filename(self.get_ext_fullname(ext.name))))

    @staticmethod
    def _exists(path):
        return Path(path).exists()


# RRAM_EDGE_PURE=1: no core even where a compiler is, for a wheel that fits every machine.
CORE = {
    "cffi_modules": ["firmware_py/build_core.py:ffibuilder"],
    "cmdclass": {"build_ext": OptionalBuild},
    "options": {"bdist_wheel": {"py_limited_api": "cp310"}},  # one wheel for all Pythons from 3.10 on
}
setup(**({} if os.environ.get("RRAM_EDGE_PURE", "0") not in ("", "0") else CORE))
