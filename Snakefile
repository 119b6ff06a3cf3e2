# The book as a graph: every run of every chapter, then the site.
#
#   snakemake --cores 2 --config preset=quick          (make book does this)
#   snakemake --executor slurm --jobs 50 ...           on a cluster, with the executor's plugin
#
# Which runs there are, and what each depends on, is read from _toc.yml, presets/ and the chapters
# themselves by parity_nb.making.chapters, which needs PyYAML only.  This file keeps to what Snakemake 7
# (REANA) and 9 both understand.

import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path("src").resolve()))

from parity_nb.making.chapters import Preset, batches, prepared

PRESET = config.get("preset", "quick")
BUILD = f"build/{PRESET}"
RUNS = Preset(PRESET, Path(".")).runs()
COMMITTED = [
    path for path in Path("book/records").glob("*/*/*/*.json") if path.parts[2] != PRESET
]  # a preset's own records stand for the committed ones of its name
PAGES = [path for path in Path("book").rglob("*") if path.is_file() and "records" not in path.parts]
PACKAGE = sorted(str(path) for path in Path("src/parity_nb").rglob("*.py"))
BATCHES = batches(RUNS.values())
IMAGE = config.get("image", "docker://parity-nb:latest")


wildcard_constraints:
    chapter="[^/]+/[^/]+",
    run="[^/]+",
    part="[^/]+",
    maker="[^/]+",
    together="[^/]+",


def records(chapter):
    """Records of all runs of a chapter, this build's and the committed ones."""
    mine = [f"{BUILD}/records/{name}/{run}.json" for name, run in RUNS if name == chapter]
    theirs = [str(path) for path in COMMITTED if "/".join(path.parts[3:5]) == chapter]
    return mine + sorted(theirs)


def needs(wildcards):
    """What a run of a chapter is made from."""
    run = RUNS[wildcards.chapter, wildcards.run]
    files = [str(run.chapter.source), *map(str, run.modules)]
    for name in run.chapter.reads:
        files += records(name)
    if run.batch:
        files.append(f"{BUILD}/prepared/{'/'.join(run.batch)}.txt")
    return files


def made_from(wildcards):
    """What the data sets of one maker are made from."""
    return [str(path) for path in prepared(Path("."))[wildcards.part].made_from(wildcards.maker)]


def sets(wildcards):
    """Names of the data sets that are made in one go."""
    names = BATCHES[wildcards.part, wildcards.maker, wildcards.together]
    return " ".join(shlex.quote(name) for name in names)


def settings(wildcards):
    """The run's parameters as options of the command line."""
    run = RUNS[wildcards.chapter, wildcards.run]
    return " ".join(f"-p {shlex.quote(f'{k}={v}')}" for k, v in sorted(run.settings.items()))


EXECUTED = [f"{BUILD}/runs/{chapter}/{run}.ipynb" for chapter, run in RUNS]
RECORDED = [f"{BUILD}/records/{chapter}/{run}.json" for chapter, run in RUNS]


rule book:
    input:
        EXECUTED, # named as targets, so that a deleted one is made again
        RECORDED,
        f"{BUILD}/site/index.html",


rule site:
    input:
        EXECUTED,
        RECORDED,
        sorted(map(str, PAGES + COMMITTED)),
        PACKAGE,
        "_config.yml",
        "_toc.yml",
    output:
        f"{BUILD}/site/index.html",
    container:
        IMAGE
    shell:
        f"PARITY_NB_BUILD={BUILD} parity-nb site {PRESET}"


rule prepare:
    input:
        made_from,
    output:
        f"{BUILD}/prepared/{{part}}/{{maker}}/{{together}}.txt",
    params:
        sets=sets,
    threads: workflow.cores or 1
    resources:
        mem_mb=4000,
    container:
        IMAGE
    shell:
        "parity-nb prepare {wildcards.part} {params.sets} > {output}"


rule chapter:
    input:
        needs,
    output:
        notebook=f"{BUILD}/runs/{{chapter}}/{{run}}.ipynb",
        record=f"{BUILD}/records/{{chapter}}/{{run}}.json",
    params:
        settings=settings,
    threads: 1
    resources:
        mem_mb=4000,
    container:
        IMAGE
    shell:
        f"PARITY_NB_BUILD={BUILD} "
        "parity-nb run {wildcards.chapter} {params.settings}"
        " --output {output.notebook:q} --no-progress"
