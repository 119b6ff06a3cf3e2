"""Files that must agree with one another."""

import ast
import re
import sys
import tomllib

import yaml

CONDA_NAMES = {"pytorch": "torch"}
CONDA_ONLY = {"python", "pip", "mesalib"}


def name(requirement):
    return re.match(r"[A-Za-z0-9_.-]+", requirement).group().lower()


def test_conda_and_pip_name_the_same_dependencies(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    conda = yaml.safe_load((root / "environment.yml").read_text())["dependencies"]
    plain = [entry for entry in conda if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in conda if isinstance(entry, dict))
    packages = [line for line in plain if name(line) not in CONDA_ONLY]
    packages += [line for line in pip if not line.startswith("--")]
    ours = {CONDA_NAMES.get(name(p), name(p)): p for p in packages}
    theirs = {name(p): p for p in project["dependencies"]}
    assert set(ours) == set(theirs)
    for package, requirement in theirs.items():
        assert ours[package][len(name(ours[package])) :] == requirement[len(package) :]


def test_everything_imported_is_a_dependency(root):
    """A package that only comes with another one may leave with it."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    modules = {"sklearn": "scikit-learn", "skimage": "scikit-image", "yaml": "pyyaml"}
    modules |= {"vtkmodules": "pyvista", "vtk": "pyvista"}
    modules |= {"nbformat": "papermill", "sphinx": "jupyter-book", "docutils": "jupyter-book"}
    modules |= {"lightning": "lightning-fabric", "IPython": "jupyterlab"}
    modules |= {"traitlets": "papermill", "matplotlib_inline": "jupyterlab", "PIL": "matplotlib"}
    extras = [p for extra in project["optional-dependencies"].values() for p in extra]
    known = {name(p) for p in [*project["dependencies"], *extras]} | {"parity-nb"}
    for path in [*root.glob("src/**/*.py"), *root.glob("notebooks/*/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            tops = {n.split(".")[0] for n in names} - set(sys.stdlib_module_names)
            assert {modules.get(top, top.replace("_", "-")) for top in tops} <= known, path


def test_ci_calls_make_test(root):
    script = root / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text()
