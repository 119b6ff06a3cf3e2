# The book's environment for Kubernetes, SLURM (by Apptainer) and REANA.
#
#   docker build -t parity-nb .
#   docker run --rm -v "$PWD":/book -w /book parity-nb snakemake --cores all --config preset=quick
#
# The package is installed as a wheel: notebooks, presets and pages come from the mounted folder.
FROM python:3.12-slim-bookworm

# OpenGL in software for VTK, git for provenance, make for the verbs
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      git make libegl1 libgl1 libgl1-mesa-dri libglx-mesa0 libxrender1 libsm6 \
 && rm -rf /var/lib/apt/lists/*

# The CPU build of torch; for a GPU name the index of the build that fits it by --build-arg
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

COPY pyproject.toml constraints.txt README.md /src/
COPY src /src/src
RUN pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" \
      --constraint /src/constraints.txt /src \
 && rm -rf /src

ENV PYVISTA_OFF_SCREEN=true
WORKDIR /book
CMD ["parity-nb", "--help"]
