"""Begin each build from nothing, and write the version into the commands.

pip builds in the checkout, where older builds leave files.
"""

import shutil
from distutils.command.build_scripts import build_scripts
from pathlib import Path

from setuptools import setup
from setuptools.command.build import build

UNKNOWN = 'VERSION = ""'


class BuildAnew(build):
    """The usual build, in an empty directory."""

    def run(self) -> None:
        shutil.rmtree(self.build_lib, ignore_errors=True)
        shutil.rmtree(self.build_scripts, ignore_errors=True)
        super().run()


class OfThisVersion(build_scripts):
    """The usual scripts, which know their version.

    An editable install changes its version without a build: its scripts take any.
    """

    editable_mode = False

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for script in self.scripts:
            built = Path(self.build_dir) / Path(script).name
            text = built.read_text(encoding="utf-8")
            known = f'VERSION = "{self.distribution.get_version()}"'
            built.write_text(text.replace(UNKNOWN, known), encoding="utf-8")


setup(cmdclass={"build": BuildAnew, "build_scripts": OfThisVersion})
