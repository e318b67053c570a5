"""The version of toymodels. A git tag gives it when the package is built; a tree that was never installed has none."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("toymodels")
except PackageNotFoundError:
    VERSION = "0.0.0+unknown"
