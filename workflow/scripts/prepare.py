"""Turn the files of a dataset into one file of arrays."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.data.prepare import prepare

    prepare(snakemake.params.dataset, Path(snakemake.config["data_dir"]), Path(snakemake.output[0]))
