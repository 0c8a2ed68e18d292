"""Begin each build from nothing: pip builds in the checkout, where older builds leave files."""

import shutil

from setuptools import setup
from setuptools.command.build import build


class BuildAnew(build):
    """The usual build, in an empty directory."""

    def run(self) -> None:
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


setup(cmdclass={"build": BuildAnew})
