# The environment of requirements.lock, and the workflow in it (docs/deployment.md).
#   docker build --target cuda --tag kanpipe .
#   docker run --rm --gpus all --volume "$PWD/results:/kanpipe/results" kanpipe snakemake swiss_roll --cores 8
FROM python:3.12-slim-bookworm AS source
# g++: torch.compile on a CPU, and Triton's launchers on a GPU; git: the commit in run.json
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends g++ git make && rm -rf /var/lib/apt/lists/*
WORKDIR /kanpipe
ENV PATH=/kanpipe/.venv/bin:$PATH
# What the environment is made of comes first, so that a change of the workflow does not install it again.
COPY Makefile pyproject.toml requirements.lock README.md LICENSE ./
COPY kanpipe/__init__.py kanpipe/

# With --build-arg TORCH_INDEX=URL the wheels of torch come from an index that has them without CUDA.
FROM source AS cpu
ARG TORCH_INDEX
RUN PIP_NO_CACHE_DIR=1 make .venv/installed ${TORCH_INDEX:+TORCH_INDEX=$TORCH_INDEX}
COPY . .
CMD ["snakemake", "--cores", "all", "--config", "preset=quick"]

# All that is needed of CUDA beside the driver is in the wheels of torch.
FROM source AS cuda
RUN PIP_NO_CACHE_DIR=1 make .venv/installed
COPY . .
CMD ["snakemake", "--cores", "all", "--resources", "gpu=1"]
