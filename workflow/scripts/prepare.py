"""Turn the files of a dataset into one file of arrays."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.data.prepare import prepare
    from kanpipe.frames import noted

    out = Path(snakemake.output[0])
    with noted(out):
        prepare(snakemake.params.dataset, Path(snakemake.config["data_dir"]), out)
