"""A book of two tiny chapters, for tests of everything around the chapters.

It has the real Snakefile and the real _config.yml; only pages, chapters and presets are its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import jupytext

ROOT = Path(__file__).parents[1]

HEADER = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
"""

TRAINING = """
# %% [markdown]
# (snails/training)=
# # Training
#
# A number depends on a parameter: $x^2$.

# %%
import time

from parity_nb.records import Records, provenance

# %% tags=["parameters"]
dataset: str = "M3"  # name of the data set
images: int = 100  # number of images
rate: float = 0.5  # learning rate
wait: float = 0.0  # pause, seconds
seed: int = 0  # random seed

# %%
run = Records.of("snails/training", globals(), run=("dataset", "seed"))

# %%
time.sleep(wait)
if images < 0:
    raise ValueError("images must not be negative")

# %%
run.record("positive fraction", 0.5 + 0.001 * images, error=0.01, n=images)
run.save()

# %% tags=["nbval-ignore-output", "hide-output"]
provenance();
"""

RESULTS = """
# %% [markdown]
# (snails/results)=
# # Results
#
# Read from records of {ref}`snails/training`.

# %%
from parity_nb.records import Records, load_records

# %% tags=["parameters"]
digits: int = 3  # digits shown

# %%
found = load_records("snails/training")
print(found[["dataset", "seed", "value"]].round(digits).to_string(index=False))

# %%
run = Records.of("snails/results", globals())
run.record("runs", len(found))
run.save()
"""

TOC = """\
format: jb-book
root: book/index
parts:
  - caption: Snails
    chapters:
      - file: notebooks/snails/training
      - file: notebooks/snails/results
"""

INDEX = """\
# A little book

$E = mc^2$ and {record}`run: snails/training dataset=M3: positive fraction %`;
{record}`snails/training dataset=M7: positive fraction`.

```{records} snails/training
:where: run
:name: positive fraction
:by: dataset
:percent:
```
"""

SMOKE = """\
snails/training:
  parameters: {images: 10}
  runs:
    - {dataset: [M0, M3], seed: [0]}
"""


def make_little_book(folder: Path) -> Path:
    """Write the little book into an empty folder and return the folder."""
    for name in ("Snakefile", "_config.yml", "jupytext.toml"):
        shutil.copy(ROOT / name, folder)
    files = {
        "_toc.yml": TOC,
        "pyproject.toml": "[project]\nname = 'little-book'\n",
        "book/index.md": INDEX,
        "book/references.bib": "",
        "book/_static/book.css": "",
        "book/_static/logo.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "book/published.toml": "[nobody1900]\n[[nobody1900.numbers]]\nname = 'M3'\nvalue = 51\n"
        "error = 1\nunit = '%'\nplace = 'Table 1'\n",
        "presets/smoke.yaml": SMOKE,
        "presets/quick.yaml": "{}\n",
        "notebooks/snails/training.py": HEADER + TRAINING,
        "notebooks/snails/results.py": HEADER + RESULTS,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "src/parity_nb", folder / "src/parity_nb")
    for source in folder.glob("notebooks/*/*.py"):
        jupytext.write(jupytext.read(source), source.with_suffix(".ipynb"))
    return folder
